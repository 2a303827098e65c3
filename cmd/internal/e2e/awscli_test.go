package e2e_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// awsCLI runs the AWS CLI with the credentials of a user, or none.
type awsCLI struct {
	t           *testing.T
	rows        *guardedNotes
	path, home  string
	credentials []string
}

func newAWSCLI(t *testing.T, g *guardedNotes) *awsCLI {
	c := &awsCLI{t: t, rows: g, path: needs.AWSCLI(t), home: t.TempDir()}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.certificate.Raw})
	require.NoError(t, os.WriteFile(filepath.Join(c.home, "ca.pem"), block, 0o600))
	return c
}

// run runs a command at an endpoint. It returns the answer and what went wrong.
func (c *awsCLI) run(endpoint string, args ...string) (answer map[string]any, fault string) {
	c.t.Helper()
	// A slow machine may take longer for a few commands than sessions are opened
	// without hearing of revocations.
	require.NoError(c.t, c.rows.Current().Sessions.Refresh(c.t.Context()))
	cmd := exec.CommandContext(c.t.Context(), c.path, append([]string{"--endpoint-url", endpoint, "--region", region, "--output", "json"}, args...)...)
	if c.credentials == nil {
		cmd.Args = append(cmd.Args, "--no-sign-request")
	}
	cmd.Dir = c.home
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "LANG=C.UTF-8",
		"AWS_CA_BUNDLE=" + filepath.Join(c.home, "ca.pem"), "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=",
	}, c.credentials...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		require.NotEmpty(c.t, errs.String(), "%v", err)
		return nil, errs.String()
	}
	if out.Len() > 0 && out.Bytes()[0] == '{' {
		require.NoError(c.t, json.Unmarshal(out.Bytes(), &answer))
	}
	return answer, ""
}

// must wants a command to succeed.
func (c *awsCLI) must(endpoint string, args ...string) map[string]any {
	c.t.Helper()
	answer, fault := c.run(endpoint, args...)
	require.Empty(c.t, fault)
	return answer
}

// denied wants a command to end with an error of that name.
func (c *awsCLI) denied(code, endpoint string, args ...string) {
	c.t.Helper()
	_, fault := c.run(endpoint, args...)
	require.Contains(c.t, fault, "("+code+")")
}

func asJSON(t testing.TB, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// enter takes a user from the sign-up to credentials, and returns the identity.
func (c *awsCLI) enter(name string) string {
	c.t.Helper()
	g := c.rows
	address := name + "@shop.example"
	user := []string{"--client-id", appClient, "--username", name}
	c.must(g.url, append([]string{"cognito-idp", "sign-up", "--password", password, "--user-attributes", "Name=email,Value=" + address}, user...)...)
	c.must(g.url, append([]string{"cognito-idp", "confirm-sign-up", "--confirmation-code", *g.code(address)}, user...)...)
	in := c.must(g.url, "cognito-idp", "initiate-auth", "--client-id", appClient, "--auth-flow", "USER_PASSWORD_AUTH",
		"--auth-parameters", asJSON(c.t, map[string]string{"USERNAME": name, "PASSWORD": password}))
	token, _ := in["AuthenticationResult"].(map[string]any)["IdToken"].(string)
	login := asJSON(c.t, map[string]string{loginKey: token})
	id, _ := c.must(g.url, "cognito-identity", "get-id", "--identity-pool-id", rulesPool, "--logins", login)["IdentityId"].(string)
	got, _ := c.must(g.url, "cognito-identity", "get-credentials-for-identity", "--identity-id", id, "--logins", login)["Credentials"].(map[string]any)
	key, _ := got["AccessKeyId"].(string)
	secret, _ := got["SecretKey"].(string)
	session, _ := got["SessionToken"].(string)
	c.sign(key, secret, session)
	return id
}

// sign takes credentials for what follows.
func (c *awsCLI) sign(key, secret, session string) {
	c.credentials = []string{"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + session}
}

// TestAWSCLI goes all the way with the AWS CLI, from the sign-up to one's own rows
// and objects, and none of another's.
func TestAWSCLI(t *testing.T) {
	needs.AWSCLI(t)
	g := guardNotes(t)
	ann, bob := newAWSCLI(t, g), newAWSCLI(t, g)
	annID := ann.enter("ann")
	g.signUp("bob")
	bobID, credentials, err := g.exchange(rulesPool, logins(g.signIn("bob").IdToken))
	require.NoError(t, err)
	v, err := credentials.Retrieve(t.Context())
	require.NoError(t, err)
	bob.sign(v.AccessKeyID, v.SecretAccessKey, v.SessionToken)

	item := func(owner string) string {
		return asJSON(t, map[string]any{"Owner": map[string]string{"S": owner}, "Note": map[string]string{"S": "first"}})
	}
	ann.must(g.dynamodb, "dynamodb", "put-item", "--table-name", "Notes", "--item", item(annID))
	got := ann.must(g.dynamodb, "dynamodb", "get-item", "--table-name", "Notes", "--key", item(annID))
	require.NotEmpty(t, got["Item"])
	bob.denied("AccessDeniedException", g.dynamodb, "dynamodb", "get-item", "--table-name", "Notes", "--key", item(annID))
	bob.denied("AccessDeniedException", g.dynamodb, "dynamodb", "put-item", "--table-name", "Notes", "--item", item(annID))
	query := func(owner string) []string {
		return []string{
			"dynamodb", "query", "--table-name", "Notes", "--key-condition-expression", "#o = :o",
			"--expression-attribute-names", `{"#o": "Owner"}`, "--expression-attribute-values", asJSON(t, map[string]any{":o": map[string]string{"S": owner}}),
		}
	}
	require.EqualValues(t, 1, ann.must(g.dynamodb, query(annID)...)["Count"])
	bob.denied("AccessDeniedException", g.dynamodb, query(annID)...)
	require.EqualValues(t, 0, bob.must(g.dynamodb, query(bobID)...)["Count"])

	large := filepath.Join(ann.home, "large") // goes up in two parts
	require.NoError(t, os.WriteFile(large, bytes.Repeat([]byte("0123456789abcdef"), 9<<20/16), 0o600))
	ann.must(g.s3, "s3", "cp", "--only-show-errors", large, "s3://notes/"+annID+"/large")
	ann.must(g.s3, "s3", "cp", "--only-show-errors", "s3://notes/"+annID+"/large", large+".back")
	sent, err := os.ReadFile(large)
	require.NoError(t, err)
	back, err := os.ReadFile(large + ".back")
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, back))
	bob.denied("AccessDenied", g.s3, "s3api", "put-object", "--bucket", "notes", "--key", annID+"/large", "--body", large)
	bob.denied("AccessDenied", g.s3, "s3", "ls", "s3://notes/"+annID+"/")
}
