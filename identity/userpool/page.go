package userpool

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

const (
	pageLife = time.Hour
	pageSize = 60
)

// page is where a list goes on. It is sealed, and bound to the question: a
// client cannot begin elsewhere or go on with another filter.
type page struct {
	After   string    `json:"a"`
	Expires time.Time `json:"e"`
}

func (d *Directory) sealPage(question, after string) (string, error) {
	plain, err := json.Marshal(page{after, d.now().Add(pageLife)})
	if err != nil {
		return "", err
	}
	sealed, err := d.sessions.Seal(d.now(), identity.PurposePage, []byte(question), plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openPage returns where to go on; "" for a list that begins.
func (d *Directory) openPage(question, token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	var p page
	if pageRule.broken(token) != "" {
		return "", errPage()
	}
	sealed, err := decode64(base64.RawURLEncoding, token)
	if err != nil {
		return "", errPage()
	}
	plain, err := d.sessions.Open(d.now(), identity.PurposePage, []byte(question), sealed)
	if err != nil {
		return "", errPage()
	}
	if err := json.Unmarshal(plain, &p); err != nil || !d.now().Before(p.Expires) {
		return "", errPage()
	}
	return p.After, nil
}

func errPage() error { return invalid("Invalid pagination token given.") }

// limit checks how many a client wants; 0 means as many as there may be.
func limit(field string, n int) (int, error) {
	var f faults
	f.number(field, n, 0, pageSize)
	if n == 0 {
		n = pageSize
	}
	return n, f.err()
}

// window says which part of a list of n configured things is asked for.
func (d *Directory) window(question string, size int, token string, n int) (from, to int, next string, err error) {
	if size, err = limit("limit", size); err != nil {
		return 0, 0, "", err
	}
	after, err := d.openPage(question, token)
	if err != nil {
		return 0, 0, "", err
	}
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil || from < 0 {
			return 0, 0, "", errPage()
		}
	}
	from = min(from, n)
	to = min(from+size, n)
	if to < n {
		next, err = d.sealPage(question, strconv.Itoa(to))
	}
	return from, to, next, err
}

// decode64 takes the one way to write bytes: encoding/base64 skips line ends
// even when it is strict.
func decode64(form *base64.Encoding, text string) ([]byte, error) {
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return form.Strict().DecodeString(text)
}
