package bundle

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// Provider is providers/NAME.yaml: an identity provider that is registered in
// the account. One of its members is set.
type Provider struct {
	Name     string
	OIDC     *identity.OIDCProvider
	SAML     *identity.SAMLProvider
	Facebook *identity.FacebookProvider
}

// key is what pools and tokens call the provider.
func (p *Provider) key() string {
	switch {
	case p.OIDC != nil:
		return p.OIDC.Name
	case p.SAML != nil:
		return p.SAML.ARN
	case p.Facebook != nil:
		return "graph.facebook.com"
	}
	return ""
}

// Limits of providers. Source: AWS IAM User Guide, "IAM and AWS STS quotas";
// identity-protocol §1.1.
const (
	maxAudiences = 100
	maxIssuer    = 128
)

// registered reads providers/NAME.yaml.
func (l *loader) registered(name string, n node) *Provider {
	p := &Provider{Name: name}
	kinds := 0
	n.object("oidc, saml or facebook", func(member string, x node) bool {
		switch member {
		case "oidc":
			p.OIDC = l.oidc(x)
		case "saml":
			p.SAML = l.saml(name, x)
		case "facebook":
			p.Facebook = x.facebook()
		default:
			return false
		}
		kinds++
		return true
	})
	if n.Kind == yaml.MappingNode && kinds != 1 {
		n.fault("want one of oidc, saml and facebook")
	}
	if p.SAML == nil && l.bundle.text("providers/"+name+".xml") != nil {
		l.faults.file(l.file("providers/"+name+".xml"), "metadata of a provider that is no saml: see providers/%s.yaml", name)
	}
	l.later(func() {
		if other, taken := l.claim("provider "+p.key(), name); taken && p.key() != "" {
			n.fault("providers/%s.yaml is the same provider", other)
		}
	})
	return p
}

// unregistered reports whether no provider of the bundle has the key.
func (l *loader) unregistered(key string) bool {
	return !slices.ContainsFunc(l.bundle.Providers, func(p *Provider) bool { return p.key() == key })
}

func (l *loader) oidc(n node) *identity.OIDCProvider {
	p := &identity.OIDCProvider{Algorithms: []string{"RS256"}}
	n.object("issuer, keys, clients or algorithms", func(member string, x node) bool {
		switch member {
		case "issuer":
			p.Issuer, p.Name = x.issuer()
		case "keys":
			p.KeysURL = x.address()
		case "clients":
			if p.Clients = x.names(); len(p.Clients) > maxAudiences {
				x.fault("more than %d clients", maxAudiences)
			}
		case "algorithms":
			p.Algorithms = x.choices("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
		default:
			return false
		}
		return true
	})
	n.need("issuer")
	if n.has("algorithms") && len(p.Algorithms) == 0 {
		n.fault("no algorithms: no token could be verified")
	}
	return p
}

// iam is the ARN of what IAM keeps in the bundle's account.
func (l *loader) iam(resource string) string {
	return "arn:" + l.bundle.Partition + ":iam::" + l.bundle.Account + ":" + resource
}

// address reads where a provider is asked: https, or http on loopback for
// tests, which rowan serve takes with --dev alone.
func (n node) address() string {
	s := n.name()
	if s == "" {
		return ""
	}
	if problem := userpool.RedirectFault(s); problem != "" {
		n.fault("%s, have %s", problem, n.kind())
	}
	return s
}

// issuer reads the iss of a provider's tokens, which is compared byte by byte,
// and the key of its logins, which is the same without the scheme. Source:
// OpenID Connect Core 1.0, section 2.
func (n node) issuer() (issuer, key string) {
	s := n.address()
	u, err := url.Parse(s)
	if s == "" || err != nil {
		return "", ""
	}
	key = strings.TrimPrefix(s, u.Scheme+"://")
	switch {
	case strings.HasPrefix(key, "cognito-idp."), strings.HasPrefix(key, "cognito-identity."), key == "graph.facebook.com":
		n.fault("%s is no provider of this sort", short(key))
	case u.RawQuery != "" || u.ForceQuery || !issuerHost(u.Host) || len(key) > maxIssuer:
		n.fault("an issuer is a host in lower case and a path, have %s", n.kind())
	}
	return s, key
}

// facebookEndpoint inspects access tokens. Source: Facebook Login guide,
// "Inspecting access tokens".
const facebookEndpoint = "https://graph.facebook.com/debug_token"

func (n node) facebook() *identity.FacebookProvider {
	p := &identity.FacebookProvider{Endpoint: facebookEndpoint}
	n.object("appId or endpoint", func(member string, x node) bool {
		switch member {
		case "appId":
			if p.AppID = x.name(); strings.Trim(p.AppID, "0123456789") != "" || len(p.AppID) > 64 {
				x.fault("the id of an app has digits alone, have %s", x.kind())
			}
		case "endpoint":
			p.Endpoint = x.address()
		default:
			return false
		}
		return true
	})
	n.need("appId")
	return p
}

// saml reads a SAML provider, whose metadata is the file NAME.xml beside.
func (l *loader) saml(name string, n node) *identity.SAMLProvider {
	p := &identity.SAMLProvider{}
	n.object("audience or recipients", func(member string, x node) bool {
		switch member {
		case "audience":
			p.Audience = x.name()
		case "recipients":
			p.Recipients = x.urls()
		default:
			return false
		}
		return true
	})
	n.need("audience", "recipients")
	if n.has("recipients") && len(p.Recipients) == 0 {
		n.fault("no recipients: no response could be meant for us")
	}
	file := "providers/" + name + ".xml"
	if p.Metadata = l.bundle.text(file); p.Metadata == nil {
		n.fault("no %s: the metadata of the provider, with its certificates", file)
	} else if err := checkMetadata(p.Metadata); err != nil {
		l.faults.file(l.file(file), "%v", err)
	}
	return p
}

const metadataNamespace = "urn:oasis:names:tc:SAML:2.0:metadata"

// checkMetadata refuses what is plainly no entity descriptor of an identity
// provider, while its author is looking. Whoever verifies responses reads it
// with more care.
func checkMetadata(src []byte) error {
	d := xml.NewDecoder(bytes.NewReader(src))
	depth, certificates := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("invalid XML: %w", err)
		}
		switch x := token.(type) {
		case xml.Directive:
			return errors.New("a document type or entity: metadata has none")
		case xml.StartElement:
			if depth == 0 && (x.Name.Local != "EntityDescriptor" || x.Name.Space != metadataNamespace) {
				return fmt.Errorf("want the EntityDescriptor of one provider, have %s", short(x.Name.Local))
			}
			if depth++; depth > maxYAMLDepth {
				return fmt.Errorf("nested deeper than %d levels", maxYAMLDepth)
			}
			if x.Name.Local == "X509Certificate" {
				certificates++
			}
		case xml.EndElement:
			depth--
		}
	}
	if certificates == 0 {
		return errors.New("no certificate: no response could be verified")
	}
	return nil
}
