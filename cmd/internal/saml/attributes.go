package saml

import (
	"errors"

	"github.com/beevik/etree"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

// readAttributes reads the attributes that are texts. One with another value
// among its values is left out as a whole: half of a list may mean the
// contrary. Providers send lists as values of one attribute and as several
// attributes of one name; they are the same. How many there can be follows from
// the bounds of a response.
func (a *assertion) readAttributes(statements []*etree.Element) error {
	odd := map[string]bool{}
	for _, statement := range statements {
		parts, err := children(statement, nsAssertion, "Attribute")
		if err != nil {
			return err
		}
		for _, e := range parts["Attribute"] {
			name := attribute(e, "Name")
			if name == "" {
				return errors.New("an attribute without a name")
			}
			values, err := children(e, nsAssertion, "AttributeValue")
			if err != nil {
				return err
			}
			for _, v := range values["AttributeValue"] {
				value, err := text(v)
				odd[name] = odd[name] || err != nil || null(v)
				a.attributes[name] = append(a.attributes[name], value)
			}
		}
	}
	for name := range odd {
		if odd[name] {
			delete(a.attributes, name)
		}
	}
	return nil
}

// null reports whether a value says that it is none.
func null(e *etree.Element) bool {
	for _, x := range e.Attr {
		if x.Key == "nil" && x.NamespaceURI() == nsInstance {
			return x.Value != "false" && x.Value != "0"
		}
	}
	return false
}

// claims are the attributes: a text for one value, a list for several.
func (a *assertion) claims() oidc.Claims {
	out := oidc.Claims{}
	for name, values := range a.attributes {
		if len(values) == 1 {
			out[name] = values[0]
			continue
		}
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		out[name] = list
	}
	return out
}

// trustKey is an attribute that trust policies know under a name of their own.
type trustKey struct{ attribute, key string }

// trustKeys are in the order of the table. Source: IAM User Guide, "Mapping SAML
// attributes to AWS trust policy context keys".
var trustKeys = []trustKey{
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "saml:edupersonaffiliation"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "saml:edupersonnickname"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "saml:edupersonorgdn"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "saml:edupersonorgunitdn"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "saml:edupersonprimaryaffiliation"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "saml:edupersonprincipalname"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "saml:edupersonentitlement"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "saml:edupersonprimaryorgunitdn"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "saml:edupersonscopedaffiliation"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "saml:edupersontargetedid"},
	{"urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "saml:edupersonassurance"},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "saml:eduorghomepageuri"},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "saml:eduorgidentityauthnpolicyuri"},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "saml:eduorglegalname"},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "saml:eduorgsuperioruri"},
	{"urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "saml:eduorgwhitepagesuri"},
	{"urn:oid:2.5.4.3", "saml:cn"},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "saml:name"},
	{"http://schemas.xmlsoap.org/claims/CommonName", "saml:commonName"},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "saml:givenName"},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "saml:surname"},
	{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "saml:mail"},
	{"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:primaryGroupSID"},
	{"urn:oid:2.5.4.4", "saml:surname"},
	{"urn:oid:2.5.4.42", "saml:givenName"},
	{"urn:oid:2.5.4.45", "saml:x500UniqueIdentifier"},
	{"urn:oid:0.9.2342.19200300.100.1.1", "saml:uid"},
	{"urn:oid:0.9.2342.19200300.100.1.3", "saml:mail"},
	{"urn:oid:0.9.2342.19200300.100.1.45", "saml:organizationStatus"},
}

// attributeKeys are the context keys that only a trust policy sees. Two
// attributes of one key add up.
func (a *assertion) attributeKeys() []identity.ContextKey {
	var out []identity.ContextKey
	at := map[string]int{}
	for _, k := range trustKeys {
		values := a.attributes[k.attribute]
		if len(values) == 0 {
			continue
		}
		if i, ok := at[k.key]; ok {
			out[i].Values = append(out[i].Values, values...)
			continue
		}
		at[k.key] = len(out)
		out = append(out, identity.ContextKey{Name: k.key, Values: append([]string(nil), values...)})
	}
	return out
}
