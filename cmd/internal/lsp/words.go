package lsp

// operatorWords say what the condition operators compare. Source: IAM User Guide,
// "IAM JSON policy elements: Condition operators"; iam-semantics §3.1.
var operatorWords = map[string]string{
	"StringEquals":              "The key is exactly one of the values, case included.",
	"StringNotEquals":           "The key is none of the values. An absent key is none of them.",
	"StringEqualsIgnoreCase":    "The key is one of the values, whatever their case.",
	"StringNotEqualsIgnoreCase": "The key is none of the values, whatever their case. An absent key is none of them.",
	"StringLike":                "The key matches one of the patterns: `*` is any text, `?` any one character. Case matters.",
	"StringNotLike":             "The key matches none of the patterns. An absent key matches none.",
	"NumericEquals":             "The key is one of the numbers.",
	"NumericNotEquals":          "The key is none of the numbers. An absent key is none of them.",
	"NumericLessThan":           "The key is less than a value.",
	"NumericLessThanEquals":     "The key is a value or less.",
	"NumericGreaterThan":        "The key is greater than a value.",
	"NumericGreaterThanEquals":  "The key is a value or greater.",
	"DateEquals":                "The key is one of the instants.",
	"DateNotEquals":             "The key is none of the instants. An absent key is none of them.",
	"DateLessThan":              "The key is before a value.",
	"DateLessThanEquals":        "The key is a value or before.",
	"DateGreaterThan":           "The key is after a value.",
	"DateGreaterThanEquals":     "The key is a value or after.",
	"Bool":                      "The key is `true` or `false`, as the value says.",
	"BinaryEquals":              "The key is exactly the bytes, which the value has in base64.",
	"IpAddress":                 "The key is an address in one of the ranges, such as `203.0.113.0/24`.",
	"NotIpAddress":              "The key is an address in none of the ranges. An absent key is in none.",
	"ArnEquals":                 "The key matches one of the ARNs, part by part. `*` and `?` stay within a part.",
	"ArnLike":                   "The key matches one of the ARNs, part by part. `*` and `?` stay within a part.",
	"ArnNotEquals":              "The key matches none of the ARNs. An absent key matches none.",
	"ArnNotLike":                "The key matches none of the ARNs. An absent key matches none.",
	"Null":                      "`true`: the key is absent. `false`: it is there.",
}

// Words on what may stand around an operator. Source: iam-semantics §3.3, §3.4.
const (
	forAllWords   = "`ForAllValues:` wants every value of the key to meet it, and **holds when there are none**: an Allow needs `Null: false` on the key beside it."
	forAnyWords   = "`ForAnyValue:` wants one value of the key to meet it, and does not hold when there are none."
	ifExistsWords = "`…IfExists` holds when the key is absent."
)

// keyWords say what the keys are that AWS's lists of services do not describe.
// Source: IAM User Guide, "AWS global condition context keys" and "Available keys
// for AWS OIDC federation".
var keyWords = map[string]string{
	"aws:principalarn":              "The ARN of the principal; for a session that of its role.",
	"aws:principalaccount":          "The account of the principal.",
	"aws:principaltype":             "The type of the principal, such as AssumedRole.",
	"aws:userid":                    "The unique id of the principal; for a session ROLEID:SESSIONNAME.",
	"aws:username":                  "The name of an IAM user. A session has none.",
	"aws:principaltag/":             "A tag of the principal: of the session, else of the role or user.",
	"aws:principalorgid":            "The organization of the principal's account.",
	"aws:principalorgpaths":         "The path of the principal's account in its organization.",
	"aws:principalisawsservice":     "Whether the call is made by an AWS service itself.",
	"aws:principalservicename":      "The AWS service that calls.",
	"aws:principalservicenameslist": "The names of the AWS service that calls.",
	"aws:federatedprovider":         "The provider with whose token the session began.",
	"aws:tokenissuetime":            "When the credentials of the session were issued.",
	"aws:multifactorauthpresent":    "Whether temporary credentials were issued with multi-factor authentication. Absent for long-term ones.",
	"aws:multifactorauthage":        "The seconds since multi-factor authentication.",
	"aws:sourceidentity":            "The source identity that was set when the role was assumed.",
	"aws:sourceip":                  "The public address of the caller.",
	"aws:vpcsourceip":               "The private address of the caller within a VPC.",
	"aws:sourcevpc":                 "The VPC that the call came through.",
	"aws:sourcevpce":                "The VPC endpoint that the call came through.",
	"aws:sourcevpcarn":              "The ARN of the VPC that the call came through.",
	"aws:resourceaccount":           "The account that owns the resource.",
	"aws:resourceorgid":             "The organization of the account that owns the resource.",
	"aws:resourceorgpaths":          "The path of the resource's account in its organization.",
	"aws:resourcetag/":              "A tag of the resource.",
	"aws:requesttag/":               "A tag that the request sets.",
	"aws:tagkeys":                   "The keys of the tags that the request sets.",
	"aws:currenttime":               "When the request is made.",
	"aws:epochtime":                 "When the request is made, in seconds since 1970.",
	"aws:securetransport":           "Whether the request came over TLS.",
	"aws:requestedregion":           "The region that was asked.",
	"aws:useragent":                 "What the client says it is: anybody may say anything.",
	"aws:referer":                   "What the client says it came from: anybody may say anything.",
	"aws:calledvia":                 "The services through which the call was made, in order.",
	"aws:calledviafirst":            "The first service through which the call was made.",
	"aws:calledvialast":             "The last service through which the call was made.",
	"aws:viaawsservice":             "Whether a service made the call on the principal's behalf.",
	"aws:sourcearn":                 "The resource on whose behalf a service calls.",
	"aws:sourceaccount":             "The account on whose behalf a service calls.",
	"aws:sourceorgid":               "The organization on whose behalf a service calls.",
	"aws:sourceorgpaths":            "The path of the account on whose behalf a service calls.",

	"aws:assumedroot":                  "Whether the session is one of a root user, taken for a member account.",
	"aws:signinsessionarn":             "The console session that the credentials come from.",
	"aws:chatbotsourcearn":             "The chat configuration that the call comes from.",
	"aws:ec2instancesourcevpc":         "The VPC of the instance that the credentials were given to.",
	"aws:ec2instancesourceprivateipv4": "The private address of the instance that the credentials were given to.",
	"aws:vpceaccount":                  "The account that owns the VPC endpoint that the call came through.",
	"aws:vpceorgid":                    "The organization that owns the VPC endpoint that the call came through.",
	"aws:vpceorgpaths":                 "The path of the VPC endpoint's account in its organization.",
	"aws:calledviaawsmcp":              "The AWS MCP server that made the call.",
	"aws:viaawsmcpservice":             "Whether an AWS MCP server made the call.",
	"aws:ismcpserviceaction":           "Whether the call is an action of an AWS MCP server itself.",

	"saml:aud":           "The address that the SAML assertion was posted to.",
	"saml:doc":           "The account and the name of the SAML provider, which tell subjects of different providers apart.",
	"saml:iss":           "The issuer of the SAML assertion, a URN.",
	"saml:namequalifier": "A hash of the issuer, the account and the SAML provider: with saml:sub it names one subject.",
	"saml:sub":           "The subject of the SAML assertion.",
	"saml:sub_type":      "How the subject is named: persistent, transient, or the format's URI.",

	"accounts.google.com:oaud":  "The audience of the Google token, where aud is the authorized party.",
	"accounts.google.com:azp":   "The authorized party of the Google token.",
	"accounts.google.com:email": "The address of the Google user.",

	"cognito-identity.amazonaws.com:sub": "The identity id in the identity pool, REGION:UUID. It is not the sub of a user pool.",
	"cognito-identity.amazonaws.com:aud": "The identity pool.",
	"cognito-identity.amazonaws.com:amr": "How the identity signed in: `authenticated` with its providers, or `unauthenticated`.",
	"accounts.google.com:sub":            "The Google user.",
	"accounts.google.com:aud":            "The app that the Google token is for.",
	"graph.facebook.com:id":              "The Facebook user.",
	"graph.facebook.com:app_id":          "The app that the Facebook token is for.",
	"www.amazon.com:user_id":             "The user of Login with Amazon.",
	"www.amazon.com:app_id":              "The app that the token of Login with Amazon is for.",
}

// samlWords are on the keys of SAML that hold an attribute of the assertion.
const samlWords = "An attribute of the SAML assertion."
