// Serves SCIMMY Routers over maps, on loopback, below /v2:
//
//     npm ci && node server.mjs PORT TOKEN
//
// It is what the library's documentation asks an application for: handlers that
// store, find and delete. They keep a userName unique, also when it changes,
// keep deleted users out of groups, and tell each user's groups. Everything
// else is the library's: parsing, filters, PATCH, projection, sort, pages.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";
import {randomUUID} from "node:crypto";
import {isDeepStrictEqual} from "node:util";

const [port, token] = process.argv.slice(2);
if (!port || !token) throw new Error("usage: node server.mjs PORT TOKEN");

const {Error: SCIMError} = SCIMMY.Types;
const users = new Map(), groups = new Map();

// declare makes a resource type of the records. What belongs to others, before
// adds to what is read and after removes when a record is gone.
function declare(Resource, records, {unique, before = (record) => record, after = () => {}}) {
    const find = (id) => records.get(id) ?? (() => { throw new SCIMError(404, null, `Resource ${id} not found`); })();
    SCIMMY.Resources.declare(Resource, {
        ingress: ({id}, data) => {
            const old = id && find(id);
            const now = new Date().toISOString();
            const record = {...JSON.parse(JSON.stringify(data)), id: id ?? randomUUID()};
            record.meta = {resourceType: Resource.schema.definition.name, created: old?.meta.created ?? now, lastModified: now};
            if (old && isDeepStrictEqual({...record, meta: old.meta}, old)) record.meta = old.meta;
            const name = record[unique]?.toLowerCase();
            if (name !== undefined && [...records.values()].some((r) => r.id !== record.id && r[unique].toLowerCase() === name))
                throw new SCIMError(409, "uniqueness", `${unique} is taken`);
            records.set(record.id, record);
            return structuredClone(before(record));
        },
        egress: ({id, filter}) => {
            if (id) return structuredClone(before(find(id))); // the library changes what it is given
            const all = [...records.values()].map((record) => structuredClone(before(record)));
            return filter ? filter.match(all) : all;
        },
        degress: ({id}) => {
            find(id);
            records.delete(id);
            after(id);
        },
    });
}

const holds = (group, id) => group.members?.some((member) => member?.value === id);

declare(SCIMMY.Resources.User, users, {
    unique: "userName",
    before: (user) => {
        const of = [...groups.values()].filter((group) => holds(group, user.id));
        return {...user, groups: of.length ? of.map(({id, displayName}) => ({value: id, display: displayName, type: "direct"})) : undefined};
    },
    after: (id) => {
        for (const group of groups.values())
            if (holds(group, id)) group.members = group.members.filter((member) => member?.value !== id);
    },
});
declare(SCIMMY.Resources.Group, groups, {});
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

const app = express();
app.use("/v2", new SCIMMYRouters({
    type: "bearer",
    baseUri: (req) => `${req.protocol}://${req.get("host")}`,
    handler: (req) => {
        if (req.get("Authorization") !== `Bearer ${token}`) throw new Error("the token is not valid");
    },
}));
// The library passes errors of 500 and above on after it has answered them,
// and Express ends the connection then, with the request that came next on it.
app.use((err, req, res, next) => { if (!res.headersSent) res.status(500).end(); });
app.listen(Number(port), "127.0.0.1");
