package e2e_test

import (
	"bufio"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	app "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/cmd/internal/needs"
)

// terminal is a shell into which a reader of a guide pastes block after block.
type terminal struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Reader
}

func openTerminal(t testing.TB) *terminal {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	return &terminal{t, in, bufio.NewReader(out)}
}

// run runs commands, all of which must succeed, and returns what they print.
func (s *terminal) run(commands string) string {
	s.t.Helper()
	const end = "end of the block"
	_, err := io.WriteString(s.in, commands+"\nprintf '\\n"+end+"\\n'\n")
	require.NoError(s.t, err)
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		require.NoError(s.t, err, "%s%s\n%s", printed.String(), line, commands)
		if line == end+"\n" {
			return strings.TrimSuffix(printed.String(), "\n")
		}
		printed.WriteString(line)
	}
}

var (
	guideBlock = regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$")
	// filledIn is a value that the reader fills in, with where it is from.
	filledIn = regexp.MustCompile(`(?m)^([A-Z_]+)=\S+ # (.*)$`)
)

// TestGuideUserPool pastes the commands of docs/user-pool.md one after another.
// What the reader would fill in is filled in, and the port is another.
func TestGuideUserPool(t *testing.T) {
	t.Parallel()
	needs.Commands(t, "bash", "curl", "openssl")
	server := startRowan(t, []string{"ROWAN_SECRET_" + demoOperator + "=" + operatorSecret}, "--dev")
	guide, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "user-pool.md"))
	require.NoError(t, err)
	blocks := guideBlock.FindAllStringSubmatch(string(guide), -1)
	require.Equal(t, "rowan serve --dev\n", blocks[0][2])
	s := openTerminal(t)
	var printed, before string // by this block, and by the one before
	sources := map[string]func() string{
		"what the server printed": func() string { return operatorSecret },
		"from the address bar": func() string {
			left, err := url.Parse(signInOnPage(t, visitor(t), strings.TrimSpace(before), "alice"))
			require.NoError(t, err)
			require.Equal(t, "some-state", left.Query().Get("state"))
			return left.Query().Get("code")
		},
		// The code before is taken too, and the one of now after it.
		"what the app shows":     func() string { return totpOf(t, s, time.Now().Add(-30*time.Second)) },
		"what the app shows now": func() string { return totpOf(t, s, time.Now()) },
	}
	compared := 0
	for _, b := range blocks[1:] {
		if b[1] == "text" {
			require.Equal(t, b[2], printed)
			compared++
			continue
		}
		// A block is pasted up to the value that is filled in, and then the rest.
		commands := strings.ReplaceAll(b[2], demoAddress, server.url)
		before, printed = printed, ""
		for commands != "" {
			at := filledIn.FindStringSubmatchIndex(commands)
			if at == nil {
				printed += s.run(commands)
				break
			}
			if at[0] > 0 {
				printed += s.run(commands[:at[0]])
			}
			name, source := commands[at[2]:at[3]], commands[at[4]:at[5]]
			value := mailedCode
			if name != "CODE" || source != "what the server printed" {
				require.Contains(t, sources, source)
				value = func(*testing.T, *rowanServer) string { return sources[source]() }
			}
			s.run(name + "=" + value(t, server))
			commands = strings.TrimPrefix(commands[at[1]:], "\n")
		}
		require.NotContains(t, printed, "__type", "%s", b[2])
		require.NotContains(t, printed, "ErrorResponse", "%s", b[2])
	}
	require.Equal(t, 3, compared)
}

var mailLine = regexp.MustCompile(`(?m)^mail to alice@game\.example \(signUp of alice\): ([0-9]{6})$`)

// mailedCode is the code that the server printed for alice.
func mailedCode(t *testing.T, server *rowanServer) string {
	t.Helper()
	var code string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(server.out)
		require.NoError(t, err)
		if m := mailLine.FindSubmatch(text); m != nil {
			code = string(m[1])
		}
		return code != ""
	}, 10*time.Second, 10*time.Millisecond)
	return code
}

// totpOf is what an authenticator app shows for the SECRET of the terminal.
func totpOf(t *testing.T, s *terminal, at time.Time) string {
	t.Helper()
	code, err := app.GenerateCode(strings.TrimSpace(s.run(`echo "$SECRET"`)), at)
	require.NoError(t, err)
	return code
}
