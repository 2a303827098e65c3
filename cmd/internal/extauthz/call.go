package extauthz

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/rowan-authz/rowan/cmd/internal/edge"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
)

// callOf reads the call of a CheckRequest.
func callOf(a *authv3.AttributeContext) (*edge.Call, error) {
	in := a.GetRequest().GetHttp()
	if in == nil {
		return nil, errors.New("no HTTP request")
	}
	if in.GetQuery() != "" || in.GetFragment() != "" {
		return nil, errors.New("a query or a fragment beside the path") // Envoy leaves them empty
	}
	header, err := headersOf(in)
	if err != nil {
		return nil, err
	}
	client, err := clientOf(a, header)
	if err != nil {
		return nil, err
	}
	c := &edge.Call{Method: in.GetMethod(), Host: in.GetHost(), Target: in.GetPath(), Header: header, Client: client}
	if err := readBody(c, in); err != nil {
		return nil, err
	}
	return c, nil
}

// headersOf reads the headers: one by one if Envoy tells them so, or from a map in
// which those of one name are joined by a comma.
func headersOf(in *authv3.AttributeContext_HttpRequest) (http.Header, error) {
	out := http.Header{}
	add := func(name, value string) {
		if !strings.HasPrefix(name, ":") { // of HTTP/2 itself
			out.Add(name, value)
		}
	}
	raw := in.GetHeaderMap().GetHeaders()
	if len(raw) > 0 && len(in.GetHeaders()) > 0 {
		return nil, errors.New("headers are told in two ways")
	}
	for _, h := range raw {
		value := h.GetValue()
		if len(h.GetRawValue()) > 0 {
			if value != "" {
				return nil, errors.New("a header is told in two ways")
			}
			value = string(h.GetRawValue())
		}
		add(h.GetKey(), value)
	}
	for name, value := range in.GetHeaders() {
		add(name, value)
	}
	// What is named in Connection the next hop deletes, after it was set here.
	for _, line := range out["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if httpauth.Reserved(strings.TrimSpace(option)) {
				return nil, errors.New("the header Connection names one that says who calls")
			}
		}
	}
	return out, nil
}

// clientOf reads where a call comes from.
func clientOf(a *authv3.AttributeContext, header http.Header) (identity.Client, error) {
	c := identity.Client{UserAgent: header.Get("User-Agent")}
	if source := a.GetSource().GetAddress(); source.GetSocketAddress() != nil {
		at, err := netip.ParseAddr(source.GetSocketAddress().GetAddress())
		if err != nil {
			return c, errors.New("the source is no address")
		}
		c.Address = at.Unmap().WithZone("")
	} else if source.GetPipe() == nil {
		return c, errors.New("no source")
	}
	switch a.GetRequest().GetHttp().GetScheme() {
	case "https":
		c.TLS = true
	case "http":
	default:
		return c, errors.New("the scheme is neither http nor https")
	}
	return c, nil
}

// readBody reads the body that Envoy passes on, if it does: the whole of it is
// there if it is as long as Content-Length says.
func readBody(c *edge.Call, in *authv3.AttributeContext_HttpRequest) error {
	body := in.GetRawBody()
	if in.GetBody() != "" {
		if len(body) > 0 {
			return errors.New("the body is told in two ways")
		}
		body = []byte(in.GetBody())
	}
	c.Body = body
	switch lengths := c.Header["Content-Length"]; {
	case len(c.Header["Transfer-Encoding"]) > 0:
		c.Unread = true
	case len(lengths) == 0:
		c.Unread = len(body) > 0 || c.Method != http.MethodGet && c.Method != http.MethodHead
	default:
		c.Unread = len(lengths) != 1 || lengths[0] != strconv.Itoa(len(body))
	}
	return nil
}
