package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/userpool"
)

// SMTPOptions say which mail server delivers. Address, From and Now are
// required.
type SMTPOptions struct {
	// Address is host:port. On port 465 TLS comes first; on any other the
	// server must offer STARTTLS, unless it is on loopback.
	Address string
	// From is the sender's address, which may have a name.
	From string
	// User and Password are for AUTH PLAIN; without a user there is none.
	User     string
	Password identity.Secret
	// Roots are the authorities of the server's certificate; nil means the
	// system's.
	Roots *x509.CertPool
	Now   func() time.Time
}

// SMTP delivers through a mail server. It may be shared.
type SMTP struct {
	o    SMTPOptions
	host string
	from *mail.Address
}

// deliverWithin bounds one delivery: the client of the user pool waits for it.
const deliverWithin = 15 * time.Second

// NewSMTP checks the options; it does not call the server yet.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("mail server %q: want host:port", o.Address)
	}
	from, err := mail.ParseAddress(o.From)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sender %q: want an address such as Accounts <accounts@example.com>", o.From)
	case o.Now == nil:
		return nil, errors.New("mail needs a clock")
	case (o.User == "") != o.Password.Empty():
		return nil, errors.New("mail: a user wants a password, and the other way round")
	}
	return &SMTP{o: o, host: host, from: from}, nil
}

// Send delivers a message. Errors do not show its text.
func (s *SMTP) Send(ctx context.Context, m userpool.Message) error {
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Name != "" {
		return errors.New("mail: the recipient is not an address")
	}
	text, err := s.compose(to, &m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	if err := s.deliver(ctx, to, text); err != nil {
		return fmt.Errorf("mail by %s: %w", s.o.Address, err)
	}
	return nil
}

func (s *SMTP) deliver(ctx context.Context, to *mail.Address, text []byte) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // Quit tells whether it was taken
	if s.o.User != "" {
		// PlainAuth refuses by itself to show a password without TLS.
		if err := c.Auth(smtp.PlainAuth("", s.o.User, string(s.o.Password.Reveal()), s.host)); err != nil {
			return err
		}
	}
	if err := c.Mail(s.from.Address); err != nil {
		return err
	}
	if err := c.Rcpt(to.Address); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// connect opens a connection that nobody else can read. It ends with ctx.
func (s *SMTP) connect(ctx context.Context) (*smtp.Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.o.Address)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	config := &tls.Config{ServerName: s.host, RootCAs: s.o.Roots, MinVersion: tls.VersionTLS12}
	_, port, _ := net.SplitHostPort(s.o.Address)
	local := loopback(conn.RemoteAddr())
	if port == "465" {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if port == "465" {
		return c, nil
	}
	switch offered, _ := c.Extension("STARTTLS"); {
	case offered:
		err = c.StartTLS(config)
	case !local:
		err = errors.New("the server offers no STARTTLS")
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// compose writes the message. Nothing of it can make a header of its own: the
// addresses are parsed, the subject is encoded, and the text comes after.
func (s *SMTP) compose(to *mail.Address, m *userpool.Message) ([]byte, error) {
	if strings.ContainsAny(m.Subject, "\r\n") {
		return nil, errors.New("mail: the subject has several lines")
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", s.from.String()},
		{"To", to.String()},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", s.o.Now().UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + rand.Text() + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(string(m.Text))); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	b.WriteString("\r\n")
	return b.Bytes(), nil
}
