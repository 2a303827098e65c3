package conditions_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/conditions"
)

// registered are the keys of iam-semantics §5.3, §5.4, §6.3 and §7.2, copied
// from there: by kind, and those that are lists.
var registered = map[conditions.Kind]string{
	conditions.String: `aws:PrincipalAccount aws:PrincipalType aws:userid aws:username aws:PrincipalTag/k aws:PrincipalOrgID
		aws:PrincipalOrgPaths aws:PrincipalServiceName aws:PrincipalServiceNamesList aws:SourceIdentity aws:Ec2InstanceSourceVpc
		aws:SourceVpc aws:SourceVpce aws:VpceAccount aws:VpceOrgID aws:VpceOrgPaths aws:ResourceAccount aws:ResourceOrgID
		aws:ResourceOrgPaths aws:ResourceTag/k aws:RequestTag/k aws:TagKeys aws:RequestedRegion aws:UserAgent aws:referer aws:CalledVia
		aws:CalledViaFirst aws:CalledViaLast aws:CalledViaAWSMCP aws:SourceAccount aws:SourceOrgID aws:SourceOrgPaths
		cognito-identity.amazonaws.com:sub cognito-identity.amazonaws.com:aud cognito-identity.amazonaws.com:amr
		www.amazon.com:app_id www.amazon.com:user_id graph.facebook.com:app_id graph.facebook.com:id accounts.google.com:sub
		accounts.google.com:aud accounts.google.com:oaud idp.example.net/id/A:sub idp.example.net/id/A:aud idp.example.net:amr
		saml:sub saml:sub_type saml:namequalifier saml:aud saml:iss saml:doc saml:edupersonaffiliation saml:cn saml:mail saml:uid
		sts:RoleSessionName sts:SourceIdentity sts:ExternalId sts:TransitiveTagKeys
		dynamodb:LeadingKeys dynamodb:FirstPartitionKeyValues dynamodb:SecondPartitionKeyValues dynamodb:ThirdPartitionKeyValues
		dynamodb:FourthPartitionKeyValues dynamodb:Attributes dynamodb:Select dynamodb:ReturnValues dynamodb:ReturnConsumedCapacity
		dynamodb:EnclosingOperation s3:prefix s3:delimiter s3:versionid s3:x-amz-acl s3:x-amz-server-side-encryption
		s3:ExistingObjectTag/k s3:RequestObjectTag/k s3:RequestObjectTagKeys kms:EncryptionContext:k`,
	conditions.ARN:         "aws:PrincipalArn aws:SignInSessionArn aws:ChatbotSourceArn aws:SourceVpcArn aws:SourceArn",
	conditions.StringOrARN: "aws:FederatedProvider",
	conditions.Bool: `aws:PrincipalIsAWSService aws:MultiFactorAuthPresent aws:AssumedRoot aws:SecureTransport aws:ViaAWSService
		aws:ViaAWSMCPService aws:IsMcpServiceAction dynamodb:FullTableScan`,
	conditions.Date:       "aws:TokenIssueTime aws:CurrentTime",
	conditions.Epoch:      "aws:EpochTime",
	conditions.Number:     "aws:MultiFactorAuthAge s3:max-keys",
	conditions.IP:         "aws:SourceIp aws:VpcSourceIp",
	conditions.StringOrIP: "aws:Ec2InstanceSourcePrivateIPv4",
	conditions.Untyped:    "app:k idp.example.net:email idp.example.net:repository token.actions.example.com:ref www.amazon.com:other",
}

const lists = `aws:PrincipalOrgPaths aws:PrincipalServiceNamesList aws:VpceOrgPaths aws:ResourceOrgPaths aws:TagKeys aws:CalledVia
	aws:SourceOrgPaths cognito-identity.amazonaws.com:amr idp.example.net:amr saml:edupersonaffiliation saml:cn saml:mail saml:uid
	sts:TransitiveTagKeys dynamodb:LeadingKeys dynamodb:FirstPartitionKeyValues dynamodb:SecondPartitionKeyValues
	dynamodb:ThirdPartitionKeyValues dynamodb:FourthPartitionKeyValues dynamodb:Attributes s3:RequestObjectTagKeys`

// otherLists are lists by the pages that the registry cites; the specification
// does not name them.
const otherLists = `saml:eduorghomepageuri saml:eduorgidentityauthnpolicyuri saml:eduorglegalname saml:eduorgsuperioruri
	saml:eduorgwhitepagesuri saml:edupersonassurance saml:edupersonentitlement saml:edupersonnickname saml:edupersonorgunitdn
	saml:edupersonscopedaffiliation saml:edupersontargetedid sts:RequestContextProviders s3:InventoryAccessibleOptionalFields`

func TestRegistry(t *testing.T) {
	v := conditions.AWS()
	list := strings.Fields(lists)
	for kind, names := range registered {
		for _, name := range strings.Fields(names) {
			want := conditions.Key{Name: name, Kind: kind, List: slices.Contains(list, name)}
			got, err := v.Key(name)
			require.NoError(t, err)
			require.Equal(t, want, got)
			if kind == conditions.Untyped {
				continue
			}
			want.Name = strings.Replace(name, "/k", "/K", 1)
			if strings.HasPrefix(name, "kms:") {
				want.Name = "kms:EncryptionContext:K"
			}
			if strings.HasPrefix(name, "idp.") {
				want.Name = strings.ToUpper(name) // as written: the registry has no spelling of it
			}
			got, err = v.Key(strings.ToUpper(name))
			require.NoError(t, err)
			require.Equal(t, want, got, "in upper case")
		}
	}
}

// TestRegistryIsSane: no name stands twice, every name resolves to its row, and
// the kinds of lists are text.
func TestRegistryIsSane(t *testing.T) {
	v := conditions.AWS()
	seen := map[string]bool{}
	families := 0
	list := append(strings.Fields(lists), strings.Fields(otherLists)...)
	for _, k := range v.Keys() {
		folded := strings.ToLower(k.Name)
		require.False(t, seen[folded], "%s stands twice", k.Name)
		seen[folded] = true
		require.Less(t, k.Kind, conditions.Untyped, k.Name)
		name := k.Name
		if strings.HasSuffix(name, "/") || strings.HasSuffix(name, ":") {
			families++
			name += "some tag"
		}
		got, err := v.Key(name)
		require.NoError(t, err)
		require.Equal(t, conditions.Key{Name: name, Kind: k.Kind, List: k.List}, got)
		require.Equal(t, slices.Contains(list, k.Name), k.List, k.Name)
		if k.List {
			require.Equal(t, conditions.String, k.Kind, k.Name)
		}
	}
	require.Equal(t, 9, families)
	require.Greater(t, len(seen), 150)
	require.Same(t, v, conditions.AWS(), "every call returns the same value")

	v.Keys()[0].Name = "changed"
	require.NotEqual(t, "changed", v.Keys()[0].Name, "the caller owns the slice")
}

// TestOwnedPrefixes refuses an unknown name under a prefix that the registry
// lists in full: a misspelt key under ForAllValues would allow everything.
func TestOwnedPrefixes(t *testing.T) {
	v := conditions.AWS()
	for name, want := range map[string]string{
		"aws:SourceIP4":                      `unknown context key "aws:SourceIP4"; did you mean "aws:SourceIp"?`,
		"aws:usernam":                        `unknown context key "aws:usernam"; did you mean "aws:username"?`,
		"dynamodb:LeadingKey":                `unknown context key "dynamodb:LeadingKey"; did you mean "dynamodb:LeadingKeys"?`,
		"DynamoDB:leadingkey":                `unknown context key "DynamoDB:leadingkey"; did you mean "dynamodb:LeadingKeys"?`,
		"dynamodb:Attribute":                 `unknown context key "dynamodb:Attribute"; did you mean "dynamodb:Attributes"?`,
		"s3:maxkeys":                         `unknown context key "s3:maxkeys"; did you mean "s3:max-keys"?`,
		"sts:ExternalID2":                    `unknown context key "sts:ExternalID2"; did you mean "sts:ExternalId"?`,
		"saml:nothing-like-it":               `unknown context key "saml:nothing-like-it"`,
		"cognito-identity.amazonaws.com:sup": `unknown context key "cognito-identity.amazonaws.com:sup"; did you mean "cognito-identity.amazonaws.com:sub"?`,
		"aws:PrincipalTags/team":             `unknown context key "aws:PrincipalTags/team"`,
		"aw\u017f:username2":                 "unknown context key \"aw\u017f:username2\"; did you mean \"aws:username\"?",
	} {
		_, err := v.Key(name)
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, conditions.ErrUnknownKey)
		require.ErrorIs(t, v.NewContext().Set(name, "x"), conditions.ErrUnknownKey)
		_, faults := v.Compile("ForAllValues:StringEquals", name, []string{"x"}, true)
		require.Len(t, faults, 1)
		require.Equal(t, conditions.PartKey, faults[0].Part)
		require.EqualError(t, faults[0].Err, want)
	}
}

// TestKeyNames holds what cannot name a key at all. Source: iam-semantics §1.7,
// §1.8.
func TestKeyNames(t *testing.T) {
	v := conditions.AWS()
	for name, want := range map[string]string{
		"":                    `malformed context key "": want prefix:name`,
		"username":            `malformed context key "username": want prefix:name`,
		":username":           `malformed context key ":username": want prefix:name`,
		"aws:":                `malformed context key "aws:": want prefix:name`,
		"a b:c":               `malformed context key "a b:c": want prefix:name`,
		"a\tb:c":              `malformed context key "a\tb:c": want prefix:name`,
		"app:${aws:username}": `malformed context key "app:${aws:username}": a name takes no policy variable`,
		"aws:ResourceTag":     `malformed context key "aws:ResourceTag": no tag key, want aws:ResourceTag/<key>`,
		"aws:ResourceTag/":    `malformed context key "aws:ResourceTag/": no tag key, want aws:ResourceTag/<key>`,
		"AWS:principaltag":    `malformed context key "AWS:principaltag": no tag key, want aws:PrincipalTag/<key>`,
		"kms:EncryptionContext": `malformed context key "kms:EncryptionContext": no tag key, want ` +
			`kms:EncryptionContext:<key>`,
		"aws:RequestTag/" + strings.Repeat("k", 512): "malformed context key: longer than 512 bytes",
	} {
		_, err := v.Key(name)
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, conditions.ErrKeyName)
		c := v.NewContext()
		require.EqualError(t, c.Set(name, "x"), want)
		for range c.All() {
			require.Fail(t, "an error leaves the context as it was")
		}
		_, state := c.Value(name)
		require.Equal(t, conditions.Absent, state)
	}
	longest := "aws:RequestTag/" + strings.Repeat("k", 512-len("aws:RequestTag/"))
	_, err := v.Key(longest)
	require.NoError(t, err)
}

// TestFamilyNames keeps everything after a family's prefix as the tag key, and
// gives the prefix its registered spelling. Source: iam-semantics §2.6.
func TestFamilyNames(t *testing.T) {
	for name, want := range map[string]string{
		"AWS:requesttag/A b/c:d\x20": "aws:RequestTag/A b/c:d ",
		"aws:PrincipalTag//":         "aws:PrincipalTag//",
		"awſ:PrincipalTag/ſ":         "aws:PrincipalTag/ſ",
		"S3:existingobjecttag/É":     "s3:ExistingObjectTag/É",
		"KMS:encryptioncontext:A:b":  "kms:EncryptionContext:A:b",
		"STS:RequestContext/x":       "sts:RequestContext/x",
	} {
		k, err := conditions.AWS().Key(name)
		require.NoError(t, err)
		require.Equal(t, conditions.Key{Name: want}, k)
	}
}

func TestKindNames(t *testing.T) {
	require.Equal(t, "string", conditions.String.String())
	require.Equal(t, "untyped", conditions.Untyped.String())
	require.Equal(t, "Kind(99)", conditions.Kind(99).String())
}
