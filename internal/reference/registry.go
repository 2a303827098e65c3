package reference

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what the values of a context key are.
type kind uint8

const (
	textKind kind = iota
	numberKind
	dateKind
	epochKind // a date that numeric operators may compare too
	boolKind
	addressKind
	arnKind
	textOrARNKind
	textOrAddressKind
)

// contextKey is what is known of a context key.
type contextKey struct {
	// name is the registry's spelling; for a family, with the tag as written.
	name string
	kind kind
	// list: the key is list-typed, whatever number of values it has today.
	list bool
	// untyped: nothing is known of it, it takes every operator (C2).
	untyped bool
	// tag is what stands behind the name of a family, as written.
	tag string
}

// families are the keys whose name ends in a tag key. Section 2.6.
var families = []string{
	"aws:PrincipalTag/", "aws:RequestTag/", "aws:ResourceTag/",
	"s3:ExistingObjectTag/", "s3:RequestObjectTag/", "kms:EncryptionContext:",
	"s3:AccessPointTag/", "s3:BucketTag/", "sts:RequestContext/",
}

// ownedPrefixes are those whose names are all known.
var ownedPrefixes = []string{"aws", "dynamodb", "s3", "sts", "saml", "cognito-identity.amazonaws.com"}

// registry holds the keys of sections 5.3, 5.4, 6.3 and 7 by folded name.
var registry = index(
	keys(textKind,
		"aws:PrincipalAccount", "aws:PrincipalType", "aws:userid", "aws:username", "aws:PrincipalOrgID",
		"aws:PrincipalServiceName", "aws:SourceIdentity", "aws:Ec2InstanceSourceVpc", "aws:SourceVpc",
		"aws:SourceVpce", "aws:VpceAccount", "aws:VpceOrgID", "aws:ResourceAccount", "aws:ResourceOrgID",
		"aws:RequestedRegion", "aws:UserAgent", "aws:referer", "aws:CalledViaFirst", "aws:CalledViaLast",
		"aws:CalledViaAWSMCP", "aws:SourceAccount", "aws:SourceOrgID",
		"cognito-identity.amazonaws.com:sub", "cognito-identity.amazonaws.com:aud",
		"www.amazon.com:app_id", "www.amazon.com:user_id", "graph.facebook.com:app_id", "graph.facebook.com:id",
		"accounts.google.com:sub", "accounts.google.com:aud", "accounts.google.com:oaud",
		"saml:sub", "saml:sub_type", "saml:namequalifier", "saml:aud", "saml:iss", "saml:doc",
		"sts:RoleSessionName", "sts:SourceIdentity", "sts:ExternalId",
		"dynamodb:Select", "dynamodb:ReturnValues", "dynamodb:ReturnConsumedCapacity", "dynamodb:EnclosingOperation",
		"s3:prefix", "s3:delimiter", "s3:versionid", "s3:x-amz-acl", "s3:x-amz-server-side-encryption"),
	lists(
		"aws:PrincipalOrgPaths", "aws:PrincipalServiceNamesList", "aws:VpceOrgPaths", "aws:ResourceOrgPaths",
		"aws:TagKeys", "aws:CalledVia", "aws:SourceOrgPaths",
		"cognito-identity.amazonaws.com:amr", "sts:TransitiveTagKeys",
		"saml:cn", "saml:commonName", "saml:eduorghomepageuri", "saml:eduorgidentityauthnpolicyuri",
		"saml:eduorglegalname", "saml:eduorgsuperioruri", "saml:eduorgwhitepagesuri",
		"saml:edupersonaffiliation", "saml:edupersonassurance", "saml:edupersonentitlement",
		"saml:edupersonnickname", "saml:edupersonorgdn", "saml:edupersonorgunitdn",
		"saml:edupersonprimaryaffiliation", "saml:edupersonprimaryorgunitdn", "saml:edupersonprincipalname",
		"saml:edupersonscopedaffiliation", "saml:edupersontargetedid", "saml:givenName", "saml:mail",
		"saml:name", "saml:organizationStatus", "saml:primaryGroupSID", "saml:surname", "saml:uid",
		"saml:x500UniqueIdentifier",
		"dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues", "dynamodb:SecondPartitionKeyValues",
		"dynamodb:ThirdPartitionKeyValues", "dynamodb:FourthPartitionKeyValues", "dynamodb:Attributes",
		"s3:RequestObjectTagKeys"),
	keys(numberKind, "aws:MultiFactorAuthAge", "s3:max-keys"),
	keys(dateKind, "aws:TokenIssueTime", "aws:CurrentTime"),
	keys(epochKind, "aws:EpochTime"),
	keys(boolKind,
		"aws:PrincipalIsAWSService", "aws:MultiFactorAuthPresent", "aws:AssumedRoot", "aws:SecureTransport",
		"aws:ViaAWSService", "aws:ViaAWSMCPService", "aws:IsMcpServiceAction", "dynamodb:FullTableScan"),
	keys(addressKind, "aws:SourceIp", "aws:VpcSourceIp"),
	keys(textOrAddressKind, "aws:Ec2InstanceSourcePrivateIPv4"),
	keys(arnKind,
		"aws:PrincipalArn", "aws:SignInSessionArn", "aws:ChatbotSourceArn", "aws:SourceVpcArn", "aws:SourceArn"),
	keys(textOrARNKind, "aws:FederatedProvider", "s3:DataAccessPointArn", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
	// What services list beyond the sections: Service Authorization Reference.
	keys(textKind,
		"accounts.google.com:azp", "accounts.google.com:email", "sts:AWSServiceName",
		"s3:AccessPointNetworkOrigin", "s3:DataAccessPointAccount", "s3:DestinationRegion", "s3:ExistingJobOperation", "s3:JobSuspendedCause",
		"s3:LocationConstraint", "s3:RequestJobOperation", "s3:ResourceAccount", "s3:authType", "s3:if-match", "s3:if-none-match",
		"s3:object-lock-legal-hold", "s3:object-lock-mode", "s3:signatureversion", "s3:x-amz-content-sha256", "s3:x-amz-copy-source",
		"s3:x-amz-grant-full-control", "s3:x-amz-grant-read", "s3:x-amz-grant-read-acp", "s3:x-amz-grant-write", "s3:x-amz-grant-write-acp",
		"s3:x-amz-metadata-directive", "s3:x-amz-object-ownership", "s3:x-amz-server-side-encryption-customer-algorithm",
		"s3:x-amz-storage-class", "s3:x-amz-website-redirect-location"),
	keys(numberKind,
		"s3:ExistingJobPriority", "s3:RequestJobPriority", "s3:TlsVersion", "s3:object-lock-remaining-retention-days", "s3:signatureAge",
		"sts:DurationSeconds"),
	keys(arnKind, "s3:AccessGrantsInstanceArn", "sts:TaskPolicyArn"),
	keys(boolKind, "s3:ObjectCreationOperation", "s3:isReplicationPauseRequest"),
	keys(dateKind, "s3:object-lock-retain-until-date"),
	lists("s3:InventoryAccessibleOptionalFields", "sts:RequestContextProviders"),
)

func keys(k kind, names ...string) []contextKey {
	out := make([]contextKey, len(names))
	for i, name := range names {
		out[i] = contextKey{name: name, kind: k}
	}
	return out
}

func lists(names ...string) []contextKey {
	out := keys(textKind, names...)
	for i := range out {
		out[i].list = true
	}
	return out
}

func index(groups ...[]contextKey) map[string]contextKey {
	out := map[string]contextKey{}
	for _, k := range slices.Concat(groups...) {
		out[fold(k.name)] = k
	}
	return out
}

// fold makes texts equal that differ only by case, under Unicode simple
// folding; a byte that is no UTF-8 stays as it is. Section 2.6 and C10.
func fold(s string) string {
	var b strings.Builder
	for _, c := range codePoints(s) {
		if r := []rune(c)[0]; r != utf8.RuneError {
			c = string(leastOfCase(r))
		}
		b.WriteString(c)
	}
	return b.String()
}

func leastOfCase(r rune) rune {
	if r <= unicode.MaxASCII {
		return unicode.ToUpper(r) // the least of every ASCII letter's orbit
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}

// codePoints cuts a text into its code points and the bytes that are none.
func codePoints(s string) []string {
	var out []string
	for s != "" {
		_, n := utf8.DecodeRuneInString(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// describe says what is known of a context key. It refuses an unknown name
// under a prefix that is owned.
func describe(name string) contextKey {
	folded := fold(name)
	if k, ok := registry[folded]; ok {
		return k
	}
	for _, family := range families {
		if tag, ok := strings.CutPrefix(folded, fold(family)); ok && tag != "" {
			written := strings.Join(codePoints(name)[len(family):], "") // folding keeps their number
			return contextKey{name: family + written, tag: written}
		}
	}
	prefix, _, _ := strings.Cut(folded, ":")
	for _, owned := range ownedPrefixes {
		if prefix == fold(owned) {
			refuse("unknown context key %q", name)
		}
	}
	return describeForeign(name, folded)
}

// describeForeign knows the keys that every OIDC issuer has, whose prefix is a
// host name and perhaps a path, and nothing of any others. Section 5.4; C27:
// aud is single-valued, and what else an issuer has is untyped.
func describeForeign(name, folded string) contextKey {
	colon := strings.LastIndex(folded, ":")
	if colon < 0 {
		refuse("context key %q has no prefix", name)
	}
	issuer, claim := folded[:colon], folded[colon+1:]
	if strings.Contains(issuer, ".") {
		switch claim {
		case fold("amr"):
			return contextKey{name: name, list: true}
		case fold("sub"), fold("aud"):
			return contextKey{name: name}
		}
	}
	return contextKey{name: name, untyped: true}
}
