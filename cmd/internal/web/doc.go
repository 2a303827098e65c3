// Package web serves package decide over HTTP, to services and to proxies: the
// questions of package rowanv1 as JSON, the Authorization API of AuthZEN, the
// questions of nginx, Traefik and Caddy before they let a request through, and
// those of an API gateway for its authorizer.
package web
