package analysis

import "strings"

// keyOwner says who may give a context key another value. The zero value is
// nobody: the principal or the resource determines the key.
type keyOwner uint8

const (
	ownedByNobody keyOwner = iota
	// ownedByRequest is what a caller sends: parameters, and which rows.
	ownedByRequest
	// ownedByCircumstance is how, whence and when a caller asks.
	ownedByCircumstance
	// ownedByResource is what the resource carries.
	ownedByResource
	// ownedByIdentity is what the session carries.
	ownedByIdentity
)

// owners says it of keys, and of families by what they begin with; the first
// that fits holds. Names are folded.
var owners = []struct {
	name  string
	owner keyOwner
}{
	{"aws:principaltag/", ownedByIdentity},
	{"aws:resourcetag/", ownedByResource},
	{"s3:existingobjecttag/", ownedByResource},
	{"s3:buckettag/", ownedByResource},
	{"s3:accesspointtag/", ownedByResource},
	{"s3:existingjob", ownedByResource},
	{"aws:requesttag/", ownedByRequest},
	{"aws:tagkeys", ownedByRequest},
	{"aws:federatedprovider", ownedByIdentity},
	{"aws:multifactorauth", ownedByIdentity},
	{"aws:sourceidentity", ownedByIdentity},
	{"aws:tokenissuetime", ownedByIdentity},
	{"cognito-identity.amazonaws.com:", ownedByIdentity},
	{"saml:", ownedByIdentity},
	{"aws:currenttime", ownedByCircumstance},
	{"aws:epochtime", ownedByCircumstance},
	{"aws:securetransport", ownedByCircumstance},
	{"aws:sourceip", ownedByCircumstance},
	{"aws:sourcevpc", ownedByCircumstance},
	{"aws:vpcsourceip", ownedByCircumstance},
	{"aws:useragent", ownedByCircumstance},
	{"aws:referer", ownedByCircumstance},
	{"s3:tlsversion", ownedByCircumstance},
	{"s3:authtype", ownedByCircumstance},
	{"s3:signature", ownedByCircumstance},
	{"s3:resourceaccount", ownedByNobody},
	{"aws:", ownedByNobody},
}

// ownerOf says who may give a key another value. A prefix with a dot is the host
// of who vouched for the identity.
func ownerOf(name string) keyOwner {
	name = keyName(name)
	for _, o := range owners {
		if strings.HasPrefix(name, o.name) {
			return o.owner
		}
	}
	if host, _, _ := strings.Cut(name, ":"); strings.Contains(host, ".") {
		return ownedByIdentity
	}
	return ownedByRequest
}
