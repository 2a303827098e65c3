package identity_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/oidc"
)

const onlyGet = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}}`

// assume takes a token to a role.
func (s *shop) assume(role, token string, change func(*identity.AssumeRoleWithWebIdentityInput)) (*identity.AssumeRoleWithWebIdentityOutput, error) {
	in := &identity.AssumeRoleWithWebIdentityInput{RoleARN: role, RoleSessionName: "app1", Token: token}
	if change != nil {
		change(in)
	}
	return s.AssumeRoleWithWebIdentity(s.ctx, in)
}

// poolToken is the pool's own token of an identity.
func (s *shop) poolToken(pool string, logins map[string]string) (id, token string) {
	one, err := s.GetID(s.ctx, &identity.GetIDInput{IdentityPoolID: pool, Logins: logins})
	require.NoError(s.t, err)
	out, err := s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: one.IdentityID, Logins: logins})
	require.NoError(s.t, err)
	return out.IdentityID, out.Token
}

func TestBasicFlow(t *testing.T) {
	s := newShop(t, nil)
	id, token := s.poolToken(poolID, s.login(google, "alice"))
	out, err := s.assume(userRole, token, nil)
	require.NoError(t, err)
	require.Equal(t, id, out.SubjectFromWebIdentityToken)
	require.Equal(t, poolID, out.Audience)
	require.Equal(t, "cognito-identity.amazonaws.com", out.Provider)
	require.Equal(t, "arn:aws:sts::111122223333:assumed-role/ShopUser/app1", out.AssumedRoleARN)
	require.Equal(t, "AROAUSERUSERUSERUSER:app1", out.AssumedRoleID)
	require.Zero(t, out.PackedPolicySize)
	session := s.opened(out.Credentials)
	require.Equal(t, "app1", session.SessionName)
	require.Equal(t, id, session.IdentityID)
	require.Equal(t, poolID, session.PoolID)
	require.Equal(t, []string{"authenticated", google}, session.AMR)
	require.True(t, session.Authenticated)
	require.Nil(t, session.Policies)

	_, token = s.poolToken(poolID, nil)
	s.pool.Unauthenticated = ""
	_, err = s.assume(guestRole, token, nil)
	refused(t, err, identity.STSInvalidIdentityToken, "not there any more")
	s.pool.Unauthenticated = guestRole
	out, err = s.assume(guestRole, token, nil)
	require.NoError(t, err)
	require.Nil(t, s.opened(out.Credentials).Policies, "no scope-down in the basic flow")
	_, err = s.assume(userRole, token, nil)
	refused(t, err, identity.STSAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")

	tagged := map[string]string{idp: s.token(idp, "alice", claims{"dept": "dev"})}
	_, token = s.poolToken(poolID, tagged)
	out, err = s.assume(userRole, token, nil)
	require.NoError(t, err)
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "dev"}}, s.opened(out.Credentials).Tags)
}

// TestPoolTokenClaims reads the token as any consumer does.
func TestPoolTokenClaims(t *testing.T) {
	s := newShop(t, nil)
	id, token := s.poolToken(poolID, s.login(idp, "alice"))
	got, err := oidc.Verify(s.ctx, token, s.KeySet(), &oidc.Expect{Issuers: []string{issuer}, Audiences: []string{poolID}, Algorithms: []string{"RS512"}}, noon)
	require.NoError(t, err)
	delete(got, "jti")
	require.Equal(t, oidc.Claims{
		"iss": issuer, "aud": poolID, "sub": id, "iat": json.Number("1795435200"), "exp": json.Number("1795435800"),
		"amr": []any{"authenticated", idp, idpARN + ":OIDC:alice"},
		"https://cognito-identity.amazonaws.com/identity-pool-arn": "arn:aws:cognito-identity:us-east-1:111122223333:identitypool/" + poolID,
	}, got)
}

func TestBasicFlowSwitchedOff(t *testing.T) {
	s := newShop(t, nil)
	id, token := s.poolToken(poolID, s.login(google, "alice"))
	_, err := s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: id, Logins: map[string]string{samlARN: `{"NameID": "alice"}`}})
	refused(t, err, identity.InvalidParameter, "enhanced flow")
	s.pool.ClassicFlow = false
	_, err = s.GetOpenIDToken(s.ctx, &identity.GetOpenIDTokenInput{IdentityID: id, Logins: s.login(google, "alice")})
	refused(t, err, identity.InvalidParameter, "Basic (classic) flow is not enabled, please use enhanced flow.")
	_, err = s.assume(userRole, token, nil)
	refused(t, err, identity.STSAccessDenied, "")
	s.session(id, s.login(google, "alice"))
}

// TestThreatConfusedDeputy wants a role kept from the tokens of a pool that it
// does not name.
func TestThreatConfusedDeputy(t *testing.T) {
	s := newShop(t, nil)
	_, token := s.poolToken(otherPool, s.login(google, "mallory"))
	for _, role := range []string{userRole, guestRole, adminRole, idpRole} {
		_, err := s.assume(role, token, nil)
		refused(t, err, identity.STSAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	_, err := s.assume(salesRole, token, nil)
	require.NoError(t, err, "names both pools")
	// A role that names none is refused at issue, and where a pool uses it.
	_, token = s.poolToken(poolID, s.login(google, "alice"))
	_, err = s.assume(looseRole, token, nil)
	refused(t, err, identity.STSAccessDenied, "")
	s.pool.Authenticated = looseRole
	_, err = identity.New(s.ctx, s.options)
	require.ErrorContains(t, err, "without saying which pool")
}

// TestThreatPoolTokenOutlives wants a token worthless once its identity is gone.
func TestThreatPoolTokenOutlives(t *testing.T) {
	s := newShop(t, nil)
	id, token := s.poolToken(poolID, s.login(google, "alice"))
	guest, guestToken := s.poolToken(poolID, nil)
	dev, err := s.developerLogin(nil)
	require.NoError(t, err)
	for role, token := range map[string]string{userRole: token, guestRole: guestToken, salesRole: dev.Token} {
		_, err := s.assume(role, token, nil)
		require.NoError(t, err)
	}
	_, err = s.DeleteIdentities(s.ctx, &identity.DeleteIdentitiesInput{IdentityIDsToDelete: []string{id}})
	require.NoError(t, err)
	s.session(guest, s.login(google, "bob")) // a guest no more
	_, err = s.UnlinkDeveloperIdentity(s.ctx, &identity.UnlinkDeveloperIdentityInput{
		IdentityPoolID: poolID, IdentityID: dev.IdentityID, DeveloperProviderName: developer, DeveloperUserIdentifier: "u1",
	})
	require.NoError(t, err)
	for role, token := range map[string]string{userRole: token, guestRole: guestToken, salesRole: dev.Token} {
		_, err := s.assume(role, token, nil)
		refused(t, err, identity.STSInvalidIdentityToken, "not there any more")
	}
}

func TestAssumeRoleOfRegisteredIssuer(t *testing.T) {
	s := newShop(t, nil)
	more := claims{
		"https://aws.amazon.com/tags":            map[string]any{"principal_tags": map[string]any{"dept": []string{"dev"}}, "transitive_tag_keys": []string{"dept"}},
		"https://aws.amazon.com/source_identity": "alice",
	}
	// The role does not allow a source identity.
	_, err := s.assume(idpRole, s.token(idp, "alice", more), nil)
	refused(t, err, identity.STSAccessDenied, "Not authorized to perform sts:SetSourceIdentity")
	delete(more, "https://aws.amazon.com/source_identity")
	out, err := s.assume(idpRole, s.token(idp, "alice", more), func(x *identity.AssumeRoleWithWebIdentityInput) { x.Policy = onlyGet })
	require.NoError(t, err)
	require.Equal(t, idpARN, out.Provider)
	require.Equal(t, "c1", out.Audience)
	require.Equal(t, "alice", out.SubjectFromWebIdentityToken)
	require.Equal(t, 3, out.PackedPolicySize)
	session := s.opened(out.Credentials)
	require.Equal(t, idpARN, session.Provider)
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "dev"}}, session.Tags)
	require.Equal(t, []string{"dept"}, session.TransitiveTags)
	require.Equal(t, []string{onlyGet}, session.Policies)
	require.Contains(t, session.Keys, identity.ContextKey{Name: idp + ":sub", Values: []string{"alice"}})
	require.Empty(t, session.IdentityID)
	caller, err := s.sessions.Caller(session)
	require.NoError(t, err)
	values, _ := caller.Session.Value(idp + ":sub")
	require.Equal(t, []string{"alice"}, values)
}

func TestAssumeRoleRefuses(t *testing.T) {
	s := newShop(t, func(s *shop) {
		s.account.Policies = map[string]string{"arn:aws:iam::111122223333:policy/Get": onlyGet, "arn:aws:iam::111122223333:policy/Bad": "{}"}
	})
	type input = identity.AssumeRoleWithWebIdentityInput
	tags := func(tags any) func(*input) {
		return func(x *input) {
			x.Token = s.token(idp, "alice", claims{"https://aws.amazon.com/tags": map[string]any{"principal_tags": tags}})
		}
	}
	for name, c := range map[string]struct {
		change func(*input)
		code   identity.Code // empty: it is allowed
		text   string
	}{
		"as it is":              {nil, "", ""},
		"longest":               {func(x *input) { x.DurationSeconds = ptr(3600) }, "", ""},
		"shortest":              {func(x *input) { x.DurationSeconds = ptr(900) }, "", ""},
		"managed policy":        {func(x *input) { x.PolicyARNs = []string{"arn:aws:iam::111122223333:policy/Get"} }, "", ""},
		"no role":               {func(x *input) { x.RoleARN = "" }, identity.STSValidationError, "'roleArn'"},
		"unknown role":          {func(x *input) { x.RoleARN += "x" }, identity.STSAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"role without the path": {func(x *input) { x.RoleARN = strings.Replace(adminRole, "staff/", "", 1) }, identity.STSAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"role of pools":         {func(x *input) { x.RoleARN = userRole }, identity.STSAccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"session name":          {func(x *input) { x.RoleSessionName = "a/b" }, identity.STSValidationError, `[\w+=,.@-]*`},
		"short session name":    {func(x *input) { x.RoleSessionName = "a" }, identity.STSValidationError, "greater than or equal to 2"},
		"legacy provider":       {func(x *input) { x.ProviderID = "www.amazon.com" }, identity.STSValidationError, "legacy"},
		"too short":             {func(x *input) { x.DurationSeconds = ptr(899) }, identity.STSValidationError, "'899'"},
		"too long":              {func(x *input) { x.DurationSeconds = ptr(43201) }, identity.STSValidationError, "'43201'"},
		"over the role's":       {func(x *input) { x.DurationSeconds = ptr(3601) }, identity.STSValidationError, "MaxSessionDuration"},
		"token of no form":      {func(x *input) { x.Token = "abcd" }, identity.STSInvalidIdentityToken, ""},
		"token too long":        {func(x *input) { x.Token = strings.Repeat("x", 20001) }, identity.STSValidationError, "of 20001 characters"},
		"bit of the signature":  {func(x *input) { x.Token = x.Token[:len(x.Token)-8] + "AAAAAAAA" }, identity.STSInvalidIdentityToken, "Couldn't verify signed token."},
		"issuer not registered": {func(x *input) { x.Token = s.token(google, "alice", nil) }, identity.STSInvalidIdentityToken, "No OpenIDConnect provider found"},
		"issuer by http":        {func(x *input) { x.Token = s.token(idp, "alice", claims{"iss": "http://" + idp}) }, identity.STSInvalidIdentityToken, ""},
		"no issuer":             {func(x *input) { x.Token = s.token(idp, "alice", claims{"iss": nil}) }, identity.STSInvalidIdentityToken, "iss"},
		"pool issuer, own key":  {func(x *input) { x.Token = s.token(idp, "alice", claims{"iss": issuer, "aud": poolID}) }, identity.STSInvalidIdentityToken, "Couldn't verify"},
		"audience":              {func(x *input) { x.Token = s.token(idp, "alice", claims{"aud": "c2"}) }, identity.STSRejectedClaim, "audience"},
		"expired":               {func(x *input) { x.Token = s.token(idp, "alice", claims{"exp": noon.Unix()}) }, identity.STSExpiredToken, "Token expired"},
		"policy of no form":     {func(x *input) { x.Policy = "{" }, identity.STSMalformedPolicyDocument, ""},
		"policy of another kind": {func(x *input) {
			x.Policy = strings.Replace(onlyGet, `"Resource"`, `"Principal":"*","Resource"`, 1)
		}, identity.STSMalformedPolicyDocument, ""},
		"policy too long":           {func(x *input) { x.Policy = onlyGet + strings.Repeat(" ", 2048) }, identity.STSValidationError, "'policy'"},
		"unknown managed policy":    {func(x *input) { x.PolicyARNs = []string{"arn:aws:iam::111122223333:policy/X"} }, identity.STSValidationError, "policy/X"},
		"bad managed policy":        {func(x *input) { x.PolicyARNs = []string{"arn:aws:iam::111122223333:policy/Bad"} }, identity.STSMalformedPolicyDocument, ""},
		"eleven managed policies":   {func(x *input) { x.PolicyARNs = make([]string, 11) }, identity.STSValidationError, "'policyArns'"},
		"tag of two values":         {tags(map[string]any{"a": []string{"x", "y"}}), identity.STSInvalidIdentityToken, ""},
		"tags that are no object":   {tags("a"), identity.STSInvalidIdentityToken, ""},
		"reserved tag":              {tags(map[string]any{"aws:a": []string{"x"}}), identity.STSInvalidIdentityToken, ""},
		"tags differing by case":    {tags(map[string]any{"a": []string{"x"}, "A": []string{"x"}}), identity.STSInvalidIdentityToken, ""},
		"policies too large packed": {func(x *input) { x.PolicyARNs = []string{"arn:aws:iam::111122223333:policy/Large"} }, identity.STSPackedPolicyTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.account.Policies["arn:aws:iam::111122223333:policy/Large"] = onlyGet + strings.Repeat(" ", 4096)
			out, err := s.assume(idpRole, s.token(idp, "alice", nil), c.change)
			if c.code == "" {
				require.NoError(t, err)
				s.opened(out.Credentials)
				return
			}
			refused(t, err, c.code, c.text)
		})
	}
	out, err := s.assume(idpRole, s.token(idp, "alice", nil), func(x *input) { x.DurationSeconds = ptr(900) })
	require.NoError(t, err)
	require.Equal(t, noon.Add(15*time.Minute), out.Credentials.Expires)
}

// assertion is a response of the test's SAML provider.
func assertion(t *testing.T, more claims) string {
	t.Helper()
	attributes := claims{
		"NameID": "alice",
		"https://aws.amazon.com/SAML/Attributes/Role":              []string{samlRole + "," + samlARN, "arn:aws:iam::111122223333:role/Other," + samlARN},
		"https://aws.amazon.com/SAML/Attributes/RoleSessionName":   "alice",
		"https://aws.amazon.com/SAML/Attributes/PrincipalTag:dept": "dev",
	}
	for name, value := range more {
		attributes["https://aws.amazon.com/SAML/Attributes/"+name] = value
	}
	text, err := json.Marshal(attributes)
	require.NoError(t, err)
	return string(text)
}

// TestThreatRoleAttribute wants a role that the assertion lists together with
// the provider that signed it: at STS alone, since in a pool the attribute
// chooses nothing.
func TestThreatRoleAttribute(t *testing.T) {
	s := newShop(t, nil)
	const evil = "arn:aws:iam::111122223333:saml-provider/Evil"
	for _, c := range []struct {
		pairs   any
		allowed bool
	}{
		{samlRole + "," + samlARN, true},
		{samlARN + "," + samlRole, true},
		{[]string{userRole + "," + evil, samlRole + "," + samlARN}, true},
		{samlRole + "," + evil, false},
		{[]string{samlRole + "," + evil, userRole + "," + samlARN}, false},
		{samlRole + "," + samlARN + "," + evil, false},
		{samlRole + "," + samlARN + "x", false},
		{samlRole + "x," + samlARN, false},
		{strings.ToLower(samlRole) + "," + samlARN, false},
		{samlRole + ";" + samlARN, false},
		{samlRole, false},
		{samlRole + ",", false},
		{samlARN + "," + samlARN, false},
		{samlRole + "," + samlRole, false},
		{"", false},
		{[]any{[]string{samlRole + "," + samlARN}}, false},
	} {
		_, err := s.AssumeRoleWithSAML(s.ctx, &identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: assertion(t, claims{"Role": c.pairs})})
		if c.allowed {
			require.NoError(t, err, "%v", c.pairs)
			continue
		}
		refused(t, err, identity.STSAccessDenied, "")
	}
	logins := map[string]string{samlARN: assertion(t, claims{"Role": adminRole + "," + samlARN})}
	id := s.mustID(logins)
	require.Equal(t, userRole, s.session(id, logins).RoleARN)
	_, err := s.GetCredentialsForIdentity(s.ctx, &identity.GetCredentialsForIdentityInput{IdentityID: id, Logins: logins, CustomRoleARN: adminRole})
	refused(t, err, identity.NotAuthorized, "")
	s.pool.Providers[3].Roles = identity.RoleMapping{Type: "Token", Ambiguous: "Deny"}
	_, err = identity.New(s.ctx, s.options)
	require.ErrorContains(t, err, "must not choose roles")
}

func TestAssumeRoleWithSAML(t *testing.T) {
	s := newShop(t, nil)
	in := &identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: assertion(t, nil)}
	out, err := s.AssumeRoleWithSAML(s.ctx, in)
	require.NoError(t, err)
	require.Equal(t, "arn:aws:sts::111122223333:assumed-role/SamlUser/alice", out.AssumedRoleARN)
	require.Equal(t, []string{"alice", "persistent", "https://corp.example", "https://signin"}, []string{out.Subject, out.SubjectType, out.Issuer, out.Audience})
	require.NotEmpty(t, out.NameQualifier)
	session := s.opened(out.Credentials)
	require.Equal(t, []identity.Tag{{Key: "dept", Value: "dev"}}, session.Tags)
	require.Contains(t, session.Keys, identity.ContextKey{Name: "saml:sub", Values: []string{"alice"}})
	require.Empty(t, session.Provider)

	for name, c := range map[string]struct {
		more claims
		code identity.Code // empty: it is allowed
	}{
		"pair the other way round":     {claims{"Role": []string{samlARN + "," + samlRole}}, ""},
		"one pair":                     {claims{"Role": samlRole + " , " + samlARN}, ""},
		"shorter":                      {claims{"SessionDuration": "900"}, ""},
		"role not listed":              {claims{"Role": "arn:aws:iam::111122223333:role/Other," + samlARN}, identity.STSAccessDenied},
		"pair with another provider":   {claims{"Role": samlRole + ",arn:aws:iam::111122223333:saml-provider/Evil"}, identity.STSAccessDenied},
		"no pairs":                     {claims{"Role": nil}, identity.STSAccessDenied},
		"no session name":              {claims{"RoleSessionName": nil}, identity.STSInvalidIdentityToken},
		"two session names":            {claims{"RoleSessionName": []string{"alice", "bob"}}, identity.STSInvalidIdentityToken},
		"bad session name":             {claims{"RoleSessionName": "a b"}, identity.STSInvalidIdentityToken},
		"bad duration":                 {claims{"SessionDuration": "1"}, identity.STSInvalidIdentityToken},
		"tag of two values":            {claims{"PrincipalTag:dept": []string{"a", "b"}}, identity.STSInvalidIdentityToken},
		"tag with a comma":             {claims{"PrincipalTag:dept": "a,b"}, identity.STSInvalidIdentityToken},
		"transitive tag that is none":  {claims{"TransitiveTagKeys": "team"}, identity.STSInvalidIdentityToken},
		"transitive tag":               {claims{"TransitiveTagKeys": "dept"}, ""},
		"source identity not allowed":  {claims{"SourceIdentity": "alice"}, identity.STSAccessDenied},
		"source identity that is none": {claims{"SourceIdentity": "a b"}, identity.STSInvalidIdentityToken},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.AssumeRoleWithSAML(s.ctx, &identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: assertion(t, c.more)})
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			refused(t, err, c.code, "")
		})
	}
	short, err := s.AssumeRoleWithSAML(s.ctx, &identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: assertion(t, claims{"SessionDuration": "900"})})
	require.NoError(t, err)
	require.Equal(t, noon.Add(15*time.Minute), short.Credentials.Expires)
	for name, c := range map[string]struct {
		in   identity.AssumeRoleWithSAMLInput
		code identity.Code
	}{
		"unknown provider": {identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN + "x", Assertion: in.Assertion}, identity.STSInvalidIdentityToken},
		"bad response":     {identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN, Assertion: "xxxx"}, identity.STSInvalidIdentityToken},
		"no response":      {identity.AssumeRoleWithSAMLInput{RoleARN: samlRole, PrincipalARN: samlARN}, identity.STSValidationError},
		"role of pools":    {identity.AssumeRoleWithSAMLInput{RoleARN: userRole, PrincipalARN: samlARN, Assertion: assertion(t, claims{"Role": userRole + "," + samlARN})}, identity.STSAccessDenied},
	} {
		_, err := s.AssumeRoleWithSAML(s.ctx, &c.in)
		require.Equal(t, c.code, identity.CodeOf(err), name)
	}
}
