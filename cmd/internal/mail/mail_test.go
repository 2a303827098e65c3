package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

var message = userpool.Message{
	PoolID: "us-east-1_P1", Username: "jane", To: "jane@example.com", Medium: "EMAIL", Kind: userpool.SignUpMessage,
	Code: "123456", Subject: "Dein Code für Rowan", Text: "Dein Code: 123456\n.\nGrüße",
}

func TestSink(t *testing.T) {
	var out bytes.Buffer
	s := NewSink(&out)
	require.NoError(t, s.Send(t.Context(), message))
	evil := message
	evil.To, evil.Username, evil.Code = "x@example.com", "a\nmail to root: 1\x1b[2J", "654321"
	require.NoError(t, s.Send(t.Context(), evil))
	require.Equal(t, "mail to jane@example.com (signUp of jane): 123456\nmail to x@example.com (signUp of a\uFFFDmail to root: 1\uFFFD[2J): 654321\n", out.String())
	last, ok := s.Last("jane@example.com")
	require.True(t, ok)
	require.EqualValues(t, "123456", last.Code)
	_, ok = s.Last("nobody@example.com")
	require.False(t, ok)
	for range maxKept {
		require.NoError(t, s.Send(t.Context(), evil))
	}
	_, ok = s.Last("jane@example.com")
	require.False(t, ok, "it keeps no more than the last")
}

// server is a mail server that takes one message.
type server struct {
	address  string
	starttls *tls.Config
	commands chan []string
	text     chan string
}

func newServer(t *testing.T, starttls *tls.Config) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	s := &server{address: l.Addr().String(), starttls: starttls, commands: make(chan []string, 1), text: make(chan string, 1)}
	go func() {
		c, err := l.Accept()
		if err == nil {
			s.talk(c)
		}
	}()
	return s
}

func (s *server) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	var commands []string
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 mail.example.com")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break
		}
		line = strings.TrimSpace(line)
		verb, _, _ := strings.Cut(line, " ")
		commands = append(commands, line)
		switch verb {
		case "EHLO":
			say("250-mail.example.com")
			if s.starttls != nil {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			c = tls.Server(c, s.starttls)
			r = bufio.NewReader(c)
		case "AUTH":
			say("235 known")
		case "DATA":
			say("354 go")
			text, _ := io.ReadAll(textproto.NewReader(r).DotReader())
			s.text <- string(text)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			s.commands <- commands
			return
		default:
			say("250 fine")
		}
	}
	s.commands <- commands
}

func options(s *server) SMTPOptions {
	return SMTPOptions{Address: s.address, From: "Rowan <accounts@example.com>", Now: func() time.Time { return time.Unix(1763880000, 0) }}
}

func requireMessage(t *testing.T, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, `"Rowan" <accounts@example.com>`, m.Header.Get("From"))
	require.Equal(t, "<jane@example.com>", m.Header.Get("To"))
	require.Equal(t, "=?utf-8?q?Dein_Code_f=C3=BCr_Rowan?=", m.Header.Get("Subject"))
	require.Equal(t, "Sun, 23 Nov 2025 06:40:00 +0000", m.Header.Get("Date"))
	require.Regexp(t, `^<[A-Z2-7]+@example.com>$`, m.Header.Get("Message-Id"))
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	require.NoError(t, err)
	require.Equal(t, string(message.Text), strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"))
}

func TestSMTP(t *testing.T) {
	s := newServer(t, nil)
	m, err := NewSMTP(options(s))
	require.NoError(t, err)
	require.NoError(t, m.Send(t.Context(), message))
	requireMessage(t, <-s.text)
	commands := <-s.commands
	require.Contains(t, commands, "MAIL FROM:<accounts@example.com>")
	require.Contains(t, commands, "RCPT TO:<jane@example.com>")
}

func TestSMTPWithTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	s := newServer(t, &tls.Config{Certificates: web.TLS.Certificates})
	o := options(s)
	o.User, o.Password, o.Roots = "rowan", identity.NewSecret([]byte("mailpass")), x509.NewCertPool()
	o.Roots.AddCert(web.Certificate())
	m, err := NewSMTP(o)
	require.NoError(t, err)
	require.NoError(t, m.Send(t.Context(), message))
	requireMessage(t, <-s.text)
	require.Contains(t, <-s.commands, "AUTH PLAIN AHJvd2FuAG1haWxwYXNz")

	stranger := newServer(t, &tls.Config{Certificates: web.TLS.Certificates})
	o.Address, o.Roots = stranger.address, nil
	m, err = NewSMTP(o)
	require.NoError(t, err)
	require.Error(t, m.Send(t.Context(), message), "a certificate of nobody")
	require.Equal(t, []string{"EHLO localhost", "STARTTLS"}, <-stranger.commands)
}

func TestSMTPRefuses(t *testing.T) {
	s := newServer(t, nil)
	for name, change := range map[string]func(*SMTPOptions){
		"address": func(o *SMTPOptions) { o.Address = "mail.example.com" }, "sender": func(o *SMTPOptions) { o.From = "me" },
		"clock": func(o *SMTPOptions) { o.Now = nil }, "password": func(o *SMTPOptions) { o.User = "u" },
		"user": func(o *SMTPOptions) { o.Password = identity.NewSecret([]byte("p")) },
	} {
		o := options(s)
		change(&o)
		_, err := NewSMTP(o)
		require.Error(t, err, name)
	}
	m, err := NewSMTP(options(s))
	require.NoError(t, err)
	for _, to := range []string{"", "jane", "jane@example.com\r\nBcc: all@example.com", "Jane <jane@example.com>", "a@b, c@d"} {
		bad := message
		bad.To = to
		require.Error(t, m.Send(t.Context(), bad), to)
	}
	bad := message
	bad.Subject = "x\r\nBcc: all@example.com"
	require.Error(t, m.Send(t.Context(), bad))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, m.Send(ctx, message))
}
