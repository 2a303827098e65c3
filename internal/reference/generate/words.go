package generate

import "strings"

// The accounts and what is in them. There is little of everything, so that
// what a document names is often what a request asks for.
const (
	own   = "111111111111"
	other = "222222222222"
)

var principals = []string{
	"arn:aws:iam::" + own + ":user/ana",
	"arn:aws:iam::" + own + ":user/ana",
	"arn:aws:iam::" + own + ":user/ops/bob",
	"arn:aws:iam::" + other + ":user/ana",
	"arn:aws:sts::" + own + ":assumed-role/R/s1",
	"arn:aws:sts::" + own + ":assumed-role/R/s1",
	"arn:aws:sts::" + own + ":assumed-role/R/s2",
	"arn:aws:sts::" + other + ":assumed-role/R/s1",
	"arn:aws:iam::" + own + ":role/R",
	"arn:aws:iam::" + own + ":role/svc/R",
	"arn:aws:iam::" + own + ":root",
	"arn:aws:iam::" + other + ":root",
	"arn:aws:sts::" + own + ":federated-user/kiosk",
	"lambda.amazonaws.com",
	"",
}

var providers = []string{
	"cognito-identity.amazonaws.com", "accounts.google.com",
	"arn:aws:iam::" + own + ":saml-provider/Corp", "arn:aws:iam::" + own + ":oidc-provider/idp.example.net",
}

// call is an action with resources that go with it.
type call struct {
	action    string
	resources []string
}

var calls = []call{
	{"dynamodb:GetItem", tables},
	{"dynamodb:Query", tables},
	{"dynamodb:PutItem", tables},
	{"s3:GetObject", objects},
	{"s3:GetObject", objects},
	{"s3:ListBucket", []string{"arn:aws:s3:::b", "arn:aws:s3:::b2"}},
	{"s3:ListAllMyBuckets", []string{"*"}},
	{"dynamodb:ListTables", []string{"*"}},
	{"app:ReadK", colons},
	{"app:ReadK", []string{
		"arn:aws:app::" + own + ":",
		"arn:aws:app:us-east-1:" + own + ":\u212a/é/x", "*",
	}},
	{"sts:AssumeRole", roles},
	{"sts:AssumeRole", roles},
	{"sts:TagSession", roles},
	{"iam:PassRole", roles},
	{"kms:Decrypt", []string{"arn:aws:kms:us-east-1:" + own + ":key/k1", "arn:aws:kms:us-east-1:" + own + ":alias/k1"}},
}

// colons are resources with more than five colons.
var colons = []string{
	"arn:aws:app:us-a:b-1:" + own + ":q", "arn:aws:app:us-east-1:" + own + ":a:t", "arn:aws:app:us-east-1:" + own + ":a:b:t",
}

var tables = []string{
	"arn:aws:dynamodb:us-east-1:" + own + ":table/T",
	"arn:aws:dynamodb:us-east-1:" + own + ":table/ana",
	"arn:aws:dynamodb:us-east-1:" + own + ":table/T/index/I",
	"arn:aws:dynamodb:eu-west-1:" + other + ":table/T",
	"arn:aws:dynamodb:us-east-1:" + own + ":table/*",
}

var objects = []string{
	"arn:aws:s3:::b/ana/x", "arn:aws:s3:::b/red/x", "arn:aws:s3:::b/a*/x", "arn:aws:s3:::b/${aws:username}/x",
	"arn:aws:s3:::b//x:y", "arn:aws:s3:::b/K/ſ", "arn:aws:s3:::b/ana",
}

var roles = []string{
	"arn:aws:iam::" + own + ":role/Target", "arn:aws:iam::" + other + ":role/svc/Target", "arn:aws:iam::" + own + ":role/R",
}

// words are values of strings: common ones, and what an adversary sends.
var words = []string{
	"ana", "ana", "red", "red", "a", "b", "a*", "*", "?", "", "s1", "k", "K", "\u212a", "ſ", "S", "é", "É", "ana/x", "a:b",
	"${", "${aws:username}", "${*}", "}", "\x00", "\ufffd", own, "10", "true", "arn:aws:s3:::b",
}

// broken are strings that are no UTF-8, for contexts only.
var broken = []string{"\xff", "\xc3", "\xa9", "a\xffb", "\xe2\x82"}

var long = strings.Repeat("a", 10_000)

// keyKind groups context keys by what their values are.
type keyKind int

const (
	textKey keyKind = iota
	listKey
	numberKey
	dateKey
	epochKey
	boolKey
	addressKey
	arnKey
	providerKey
	untypedKey
	partsKey // untyped, most often two parts of an ARN
)

func (k keyKind) untyped() bool { return k == untypedKey || k == partsKey }

// key is a context key that documents read and requests carry.
type key struct {
	name string
	kind keyKind
}

var keys = []key{
	{"aws:username", textKey},
	{"aws:userid", textKey},
	{"aws:PrincipalTag/", textKey}, // and the case's tag
	{"aws:PrincipalTag/", textKey},
	{"aws:RequestTag/a b", textKey},
	{"aws:ResourceTag/", textKey},
	{"aws:PrincipalAccount", textKey},
	{"aws:PrincipalType", textKey},
	{"aws:ResourceAccount", textKey},
	{"aws:SourceVpc", textKey},
	{"s3:prefix", textKey},
	{"s3:ExistingObjectTag/owner", textKey},
	{"dynamodb:Select", textKey},
	{"cognito-identity.amazonaws.com:sub", textKey},
	{"accounts.google.com:aud", textKey},
	{"sts:ExternalId", textKey},
	{"saml:sub", textKey},
	{"aws:TagKeys", listKey},
	{"dynamodb:LeadingKeys", listKey},
	{"dynamodb:LeadingKeys", listKey},
	{"dynamodb:Attributes", listKey},
	{"cognito-identity.amazonaws.com:amr", listKey},
	{"idp.example.net:amr", listKey},
	{"s3:max-keys", numberKey},
	{"aws:MultiFactorAuthAge", numberKey},
	{"aws:CurrentTime", dateKey},
	{"aws:TokenIssueTime", dateKey},
	{"aws:EpochTime", epochKey},
	{"aws:SecureTransport", boolKey},
	{"aws:PrincipalIsAWSService", boolKey},
	{"dynamodb:FullTableScan", boolKey},
	{"aws:SourceIp", addressKey},
	{"aws:VpcSourceIp", addressKey},
	{"aws:PrincipalArn", arnKey},
	{"aws:SourceArn", arnKey},
	{"aws:SourceArn", arnKey},
	{"aws:FederatedProvider", providerKey},
	{"app:k", untypedKey},
	{"app:k", untypedKey},
	{"app:l", untypedKey},
	{"app:two", partsKey},
	{"idp.example.net/id/A:sub", textKey},
	{"idp.example.net/id/A:email", untypedKey},
	{"kms:EncryptionContext:k", textKey},
}

var numbers = []string{"0", "-0", "10", "10.0", "010", "+10", "-3", "9.75", "10.000000000000000000001", "99999999999999999999"}

var dates = []string{
	"2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01T12:00Z", "2026-03-01T11:59:59.999999999Z",
	"2026-03-01T07:30:00.000-04:30", "2026-03-01", "2026-03", "2026", "1772366400", "0", "253402300799",
}

var booleans = []string{"true", "false", "TRUE", "False"}

var addresses = []string{"10.0.0.1", "10.0.1.1", "::ffff:10.0.0.1", "2001:db8::9", "::1"}

var networks = []string{
	"10.0.0.0/24", "10.0.0.77/24", "10.0.0.1", "::ffff:10.0.0.0/120", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::9",
	"::ffff:0:0/90",
}

var arns = []string{
	"arn:aws:iam::" + own + ":role/R", "arn:aws:iam::" + own + ":user/ana",
	"arn:aws:sns:us-east-1:" + own + ":a:t", "arn:aws:sns:us-east-1:" + own + ":t",
	"arn:aws:s3:::b/ana/x", "arn:aws:iam::" + other + ":role/a*",
}

// wrong are values of no typed kind.
var wrong = []string{"", "abc", "1e3", "0x10", " 1", "tru", "10.0.0.1/24", "fe80::1%eth0", "arn:aws:s3", "2026-13-01", "\x00", "*", ".5"}
