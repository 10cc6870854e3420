package conformance

import (
	"fmt"
	"net/http"
	"regexp"
)

var entityTag = regexp.MustCompile(`^(W/)?"[\x21\x23-\x7e\x80-\xff]*"$`)

// version expects an ETag header.
func (p *probe) version(x *Exchange) string {
	tag := x.ResponseHeader.Get("ETag")
	p.expect(tag != "", "an ETag header", x.summary())
	return tag
}

func rfcVersions() []check {
	of := func(id, title string, rows []string, level Level, why, fix string, run func(p *probe, path string, user object)) check {
		return check{
			id: "versions." + id, area: Versions, level: level, needs: []feature{etags}, title: title, rows: rows, source: "RFC 7644 §3.14", why: why, fix: fix,
			run: func(p *probe) {
				path, user := p.newUser(nil)
				run(p, path, user)
			},
		}
	}
	overwritten := "Of two administrators who change a user at once, one loses the change without knowing."
	// stale is a version that was, after a change.
	stale := func(p *probe, path string) (old, current string) {
		old = p.version(p.get(path))
		p.prepare("cannot change a user", func() { p.status(p.put(path, p.user(nil)), 200, 204) })
		return old, p.version(p.get(path))
	}
	conditional := func(p *probe, method, path, header, tag string) *Exchange {
		req := request{method: method, path: path, header: http.Header{header: {tag}}}
		switch method {
		case "PUT":
			req.body = p.user(nil)
		case "PATCH":
			req.body = object{"schemas": []string{patchURN}, "Operations": []object{op("replace", "userName", p.userName())}}
		}
		return p.send(req)
	}
	return []check{
		of("etag", "A user has an ETag", []string{"R-058", "R-300", "R-301"}, Must, "The server says that it supports ETags, and clients that rely on it overwrite each other.",
			`Send ETag with GET, POST and PUT, in quotes: W/"1" or "1".`, func(p *probe, path string, _ object) {
				tag := p.version(p.get(path))
				p.expect(entityTag.MatchString(tag), `an entity tag such as W/"1"`, tag)
				p.equal("ETag of the answer to PUT and of GET after it", p.version(p.put(path, p.user(nil))), p.version(p.get(path)))
			}),
		of("meta", "meta.version is the ETag", []string{"R-057", "R-301"}, Should, "Clients that keep the version from a list cannot use it.",
			"Send the ETag as meta.version, character for character.", func(p *probe, path string, _ object) {
				x := p.get(path)
				p.equal("meta.version", at(p.resource(x, 200), "meta.version"), p.version(x))
			}),
		of("meta.equal", "meta.version, if it is sent, is the ETag", []string{"R-057"}, Must, "Clients that send meta.version in If-Match are refused, always.",
			"Send the ETag as meta.version, character for character.", func(p *probe, path string, _ object) {
				x := p.get(path)
				if version := at(p.resource(x, 200), "meta.version"); version != nil {
					p.equal("meta.version", version, p.version(x))
				}
			}),
		of("change", "A change makes a new ETag", []string{"R-306"}, Must, overwritten,
			"Make the version of a counter or of the whole content.", func(p *probe, path string, _ object) {
				old, current := stale(p, path)
				p.expect(old != current, "an ETag other than "+old, current)
			}),
		of("same", "Reading leaves the ETag", []string{"R-306"}, Must, "Clients' conditional requests never hit.",
			"Make the version of what is stored.", func(p *probe, path string, _ object) {
				p.equal("ETag", p.version(p.get(path)), p.version(p.get(path)))
			}),
		of("if-none-match", "GET of what the client has is 304", []string{"R-302"}, Must, "Clients read again what they have.",
			"Answer 304 without a body if If-None-Match holds the current version, 200 otherwise.", func(p *probe, path string, _ object) {
				x := conditional(p, "GET", path, "If-None-Match", p.version(p.get(path)))
				p.status(x, 304)
				p.expect(x.ResponseBody == "", "no body", x.summary())
				old, _ := stale(p, path)
				p.resource(conditional(p, "GET", path, "If-None-Match", old), 200)
			}),
		of("if-match.put", "PUT of an old version is 412", []string{"R-303", "R-304"}, Must, overwritten,
			"Compare If-Match with the version in the same transaction that writes; answer 412 and change nothing.", func(p *probe, path string, _ object) {
				old, current := stale(p, path)
				before := p.read(path)
				p.refused(conditional(p, "PUT", path, "If-Match", old), 412)
				p.equal("userName", p.read(path)["userName"], before["userName"])
				p.status(conditional(p, "PUT", path, "If-Match", current), 200, 204)
			}),
		of("if-match.patch", "PATCH of an old version is 412", []string{"R-303", "R-304"}, Must, overwritten,
			"Compare If-Match with the version in the same transaction that writes; answer 412 and change nothing.", func(p *probe, path string, _ object) {
				if !p.features.has[patching] {
					p.skip("the endpoint does not support PATCH")
				}
				old, current := stale(p, path)
				before := p.read(path)
				p.refused(conditional(p, "PATCH", path, "If-Match", old), 412)
				p.equal("userName", p.read(path)["userName"], before["userName"])
				p.status(conditional(p, "PATCH", path, "If-Match", current), 200, 204)
			}),
		of("if-match.delete", "DELETE of an old version is 412", []string{"R-278"}, Should, "A user is deleted although something has happened that speaks against it.",
			"Compare If-Match on DELETE too.", func(p *probe, path string, _ object) {
				old, current := stale(p, path)
				p.refused(conditional(p, "DELETE", path, "If-Match", old), 412)
				p.read(path)
				p.status(conditional(p, "DELETE", path, "If-Match", current), 204)
			}),
		of("if-match.any", "If-Match: * holds for what is there", []string{"R-305"}, Must, "Clients that only want not to create are refused.",
			"Read * as any version of an existing resource.", func(p *probe, path string, _ object) {
				p.status(conditional(p, "PUT", path, "If-Match", "*"), 200, 204)
			}),
		of("if-match.list", "If-Match may list several versions", []string{"R-303"}, Should, "Clients that know several versions are refused.",
			"Read a comma-separated list; one match is enough.", func(p *probe, path string, _ object) {
				p.status(conditional(p, "PUT", path, "If-Match", `"usher-other", `+p.version(p.get(path))), 200, 204)
			}),
		of("race", "Of several writes of one version at once, one succeeds", []string{"R-303"}, Must, overwritten,
			"Compare and write in one step, such as UPDATE … WHERE version = …", func(p *probe, path string, _ object) {
				header := http.Header{"If-Match": {p.version(p.get(path))}}
				var reqs []request
				for range 4 {
					reqs = append(reqs, request{method: "PUT", path: path, header: header, body: p.user(nil)})
				}
				done := 0
				for _, x := range p.together(reqs...) {
					if x.Status == 200 || x.Status == 204 {
						done++
					} else {
						p.status(x, 412, 409)
					}
				}
				p.expect(done == 1, "one of four done", fmt.Sprintf("%d done", done))
			}),
	}
}
