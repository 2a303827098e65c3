package oidc

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// These addresses are tried without a socket, so that the list can be long.
func TestThreatDialGuard(t *testing.T) {
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254",
		"169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.171", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
		"198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "64:ff9b::808:808", "100::1", "2001::1", "2001:2::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1",
		"fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "::ffff:0:7f00:1",
	} {
		require.Equal(t, errGuarded, GuardOptions{}.dial("tcp4", withPort(address)), address)
		require.Equal(t, errGuarded, GuardOptions{}.dial("tcp6", withPort(address)), address)
	}
	for _, address := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255",
		"172.32.0.1", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8",
		"2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1",
	} {
		require.NoError(t, GuardOptions{}.dial("tcp6", withPort(address)), address)
	}
	for _, c := range []struct{ network, address string }{
		{"tcp", "1.1.1.1:443"},
		{"udp4", "1.1.1.1:443"},
		{"unix", "/run/docker.sock"},
		{"tcp4", "1.1.1.1"},
		{"tcp4", "localhost:443"},
		{"tcp6", "[2606:4700::1111%eth0]:443"},
		{"tcp4", ""},
	} {
		require.Error(t, GuardOptions{}.dial(c.network, c.address), c.address)
	}
	loopback := GuardOptions{AllowLoopback: true}
	require.NoError(t, loopback.dial("tcp4", "127.0.0.1:443"))
	require.NoError(t, loopback.dial("tcp6", "[::1]:443"))
	for _, address := range []string{"10.0.0.1", "169.254.169.254", "::", "0.0.0.0", "fe80::1", "64:ff9b::7f00:1"} {
		require.Equal(t, errGuarded, loopback.dial("tcp6", withPort(address)), address)
	}
}

func withPort(address string) string {
	return netip.AddrPortFrom(netip.MustParseAddr(address), 443).String()
}
