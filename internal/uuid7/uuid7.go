// Package uuid7 makes the ids of resources: UUIDs whose order is that of their
// creation, so that an index of them grows at its end.
package uuid7

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// A Source makes version 7 UUIDs (RFC 9562 §5.7). The zero Source is ready to
// use. Its method must not be called concurrently.
type Source struct{ last uint64 }

// Next returns a UUID that is greater than the one before, and the time in it, to
// the millisecond: now, or if the clock has gone back when the one before was
// made. The 12 bits after the milliseconds are their fraction (§6.2, method 3), or
// if the clock has not moved on, one more than last time.
func (s *Source) Next(now time.Time) (id string, at time.Time) {
	tick := uint64(max(now.UnixMilli(), 0))<<12 | uint64(now.Nanosecond()%1e6)<<12/1e6
	s.last = max(tick, s.last+1)

	var b [16]byte
	rand.Read(b[8:]) // never fails
	binary.BigEndian.PutUint64(b[:], s.last>>12<<16|7<<12|s.last&0xfff)
	b[8] = b[8]&0x3f | 0x80

	out := make([]byte, 0, 36)
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return string(out), time.UnixMilli(int64(s.last >> 12)).UTC()
}
