package memstore

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// newUUID returns a version 7 UUID (RFC 9562 §5.7) that is greater than the
// one before: the 12 bits after the milliseconds are their fraction (§6.2,
// method 3), and if the clock has not moved on, one more than last time.
func (s *Store) newUUID(now time.Time) string {
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
	return string(out)
}
