package peertest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"testing"
)

// serveLoopback serves h with net/http on the loopback interface until the
// benchmark ends, and returns its address.
func serveLoopback(tb testing.TB, h http.Handler) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(Prefix+"/", h)
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	tb.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

// conn is one kept connection: an HTTP client that allocates nothing (but for
// an answer in chunks), so that what a benchmark counts is the server's.
type conn struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
}

func dial(tb testing.TB, addr string) *conn {
	tb.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return &conn{conn: c, in: bufio.NewReaderSize(c, 32<<10)}
}

func (c *conn) do(method, target string, body []byte) (int, []byte) {
	b := append(append(append(append(c.buf[:0], method...), ' '), target...), " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "+Token+"\r\n"...)
	if body != nil {
		b = append(b, "Content-Type: application/scim+json\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	}
	b = append(append(b, "\r\n"...), body...)
	c.buf = b
	if _, err := c.conn.Write(b); err != nil {
		return 0, []byte(err.Error())
	}
	status, length, chunked := 0, 0, false
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, []byte(err.Error())
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			if len(line) > 12 {
				status, _ = strconv.Atoi(string(line[9:12]))
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		switch name, value, _ := bytes.Cut(line, []byte(": ")); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, _ = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if status == http.StatusNoContent {
		return status, nil
	}
	if chunked {
		answer, err := io.ReadAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			_, err = c.in.Discard(len("\r\n")) // the end of the trailer
		}
		if err != nil {
			return 0, []byte(err.Error())
		}
		return status, answer
	}
	if cap(c.buf) < length {
		c.buf = make([]byte, length)
	}
	if _, err := io.ReadFull(c.in, c.buf[:length]); err != nil {
		return 0, []byte(err.Error())
	}
	return status, c.buf[:length]
}
