// Package admin answers the operator of a server: metrics, health, profiles, and
// a page that shows what is decided and lets one ask. It is for a socket or for
// loopback: whoever reaches it sees policies and decisions.
package admin
