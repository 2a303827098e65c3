package decide

import (
	"context"
	"time"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// Admit refuses a calling service that is not known, and every question while
// none can be answered: for whoever looks before it reads one.
func (d *Decider) Admit(ctx context.Context) error {
	_, err := d.begin(ctx)
	return err
}

// Who is a subject as policies know it.
type Who struct {
	// Principal is the ARN. Identity is the id at an identity pool, Pool that of
	// the pool, Session the id of the session; they may be empty.
	Principal, Identity, Pool, Session string
	// Provider is where the subject logged in, and Subject who they are there;
	// they may be empty.
	Provider, Subject string
	// Expires is when the credentials end; zero if they do not.
	Expires time.Time
}

// DecideWith answers the question that ask makes of the deployment which will
// answer it, and says who its subject is.
func (d *Decider) DecideWith(ctx context.Context, ask func(*server.Deployment) (*rowanv1.DecideRequest, error)) (*rowanv1.DecideResponse, Who, error) {
	var who Who
	s, err := d.begin(ctx)
	if err != nil {
		return nil, who, err
	}
	in, err := ask(s.force.Deployment)
	if err != nil {
		return nil, who, err
	}
	out, err := s.decide(ctx, in, &who)
	return out, who, err
}

// DecideBatchWith answers the questions that ask makes of the deployment which
// will answer them.
func (d *Decider) DecideBatchWith(ctx context.Context, ask func(*server.Deployment) (*rowanv1.DecideBatchRequest, error)) (*rowanv1.DecideBatchResponse, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	in, err := ask(s.force.Deployment)
	if err != nil {
		return nil, err
	}
	return s.decideBatch(ctx, in)
}

// who says who asks.
func (a *asked) who() Who {
	w := Who{Principal: a.request.Principal.String(), Identity: a.subject.identity, Session: a.subject.session, Expires: a.subject.expires}
	if s := a.subject.of; s != nil {
		w.Pool, w.Provider, w.Subject = s.PoolID, s.Provider, s.Subject
	}
	return w
}
