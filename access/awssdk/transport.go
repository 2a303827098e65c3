package awssdk

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/aws/smithy-go/middleware"
)

// client is what sends the requests of a service's client.
type client interface {
	Do(*http.Request) (*http.Response, error)
}

// transport sends what was decided and nothing else.
type transport struct{ next client }

type passKey struct{}

// pass is the leave of one request to be sent, once for each attempt.
type pass struct {
	// holds says whether a request is the one that was decided.
	holds func(*http.Request) error
	// answer is where the body of a successful answer is kept too; may be nil.
	answer *bytes.Buffer
}

func withPass(ctx context.Context, p *pass) context.Context {
	return middleware.WithStackValue(ctx, passKey{}, p)
}

// Do sends a request that has a pass.
func (t *transport) Do(r *http.Request) (*http.Response, error) {
	p, _ := middleware.GetStackValue(r.Context(), passKey{}).(*pass)
	if p == nil {
		return nil, refuse("%w: it was not decided", ErrUnguarded)
	}
	if err := p.holds(r); err != nil {
		return nil, refuse("%w: %w", ErrUnguarded, err)
	}
	answer, err := t.next.Do(r)
	if err != nil || p.answer == nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	p.answer.Reset()
	body := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(io.LimitReader(body, maxAnswer), p.answer), body}
	return answer, nil
}

// maxAnswer bounds the answers that are kept.
const maxAnswer = 1 << 20

// hasBody reports whether the body of a request is want, which it then has
// again.
func hasBody(r *http.Request, want []byte) (bool, error) {
	if r.Body == nil {
		return len(want) == 0, nil
	}
	have, err := io.ReadAll(io.LimitReader(r.Body, int64(len(want))+1))
	if err != nil {
		return false, err
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(want), r.Body}
	return bytes.Equal(have, want), nil
}
