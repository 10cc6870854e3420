package oauth

import (
	"fmt"
	"net/netip"
	"syscall"
)

// publicOnly refuses to connect to what is not on the Internet: the process itself,
// its network, and what clouds tell their machines. Nor are ports tried.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := at.Addr().Unmap(); !isPublic(ip) {
		return fmt.Errorf("%s is no public address", ip)
	}
	if at.Port() != 443 {
		return fmt.Errorf("port %d is not 443", at.Port())
	}
	return nil
}

func isPublic(ip netip.Addr) bool {
	if ip.Is6() && !unicast6.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// unicast6 is all of IPv6 that is given out as public addresses. Outside of it, among
// others, are those of the machine and of its networks, and those that stand for one
// of IPv4: compatible, translated, NAT64 (RFC 6052, RFC 8215).
var unicast6 = netip.MustParsePrefix("2000::/3")

// special are addresses that are no public ones (RFC 6890 and its registry), or lead
// to such.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's machines ask this one
	"2001::/23",        // Teredo and other protocols
	"2001:db8::/32", "2002::/16", "3fff::/20",
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
