package oauth

import "testing"

// TestPublicOnly: what customers enter leads to the Internet alone, in no spelling of
// another address.
func TestPublicOnly(t *testing.T) {
	for _, tt := range []struct {
		address, reason string
		want            bool
	}{
		{"20.190.151.7:443", "Entra's", true},
		{"[2603:1006:2000::8]:443", "likewise", true},
		{"[::ffff:20.190.151.7]:443", "likewise, as a socket of IPv6 has it", true},
		{"192.0.1.1:443", "beside the ones of protocols", true},
		{"20.190.151.7:22", "another port", false},
		{"20.190.151.7:80", "another port", false},
		{"127.0.0.1:443", "the machine", false},
		{"[::1]:443", "the machine", false},
		{"[::ffff:127.0.0.1]:443", "the machine, mapped", false},
		{"[::127.0.0.1]:443", "the machine, compatible (RFC 4291 section 2.5.5.1)", false},
		{"[::ffff:0:127.0.0.1]:443", "the machine, translated (RFC 2765)", false},
		{"[64:ff9b::a9fe:a9fe]:443", "NAT64 (RFC 6052) to 169.254.169.254", false},
		{"[64:ff9b:1::a00:1]:443", "NAT64 (RFC 8215) to 10.0.0.1", false},
		{"[2002:7f00:1::]:443", "6to4", false},
		{"[2001:0:7f00:1::]:443", "Teredo", false},
		{"[2001:db8::1]:443", "documentation", false},
		{"[fec0::1]:443", "site-local, of old", false},
		{"[fd00:ec2::254]:443", "what a cloud tells its machines", false},
		{"[fe80::1]:443", "link-local", false},
		{"[fe80::1%eth0]:443", "link-local", false},
		{"[2603::1%eth0]:443", "no public address has a zone", false},
		{"[ff02::1]:443", "multicast", false},
		{"[::]:443", "unspecified", false},
		{"0.0.0.0:443", "unspecified", false},
		{"0.1.2.3:443", "this network", false},
		{"10.0.0.1:443", "private", false},
		{"172.31.255.255:443", "private", false},
		{"192.168.0.1:443", "private", false},
		{"100.100.100.200:443", "of carriers, and what a cloud tells its machines", false},
		{"169.254.169.254:443", "what clouds tell their machines", false},
		{"168.63.129.16:443", "what Azure tells its machines", false},
		{"192.0.0.192:443", "of protocols, and what a cloud tells its machines", false},
		{"198.18.0.1:443", "for benchmarks", false},
		{"203.0.113.1:443", "documentation", false},
		{"224.0.0.1:443", "multicast", false},
		{"240.0.0.1:443", "reserved", false},
		{"255.255.255.255:443", "broadcast", false},
		{"example.com:443", "no address", false},
	} {
		if err := publicOnly("tcp", tt.address, nil); (err == nil) != tt.want {
			t.Errorf("%s: got %v, want it to be taken: %t (%s)", tt.address, err, tt.want, tt.reason)
		}
	}
}
