package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/cmd/internal/server"
)

// search is a question of the Authorization API with one part left open, for
// which candidates are tried one by one. What it finds is what evaluations of
// the candidates permit, all by one bundle. Source: AuthZEN Authorization API
// 1.0, §8; identity-protocol §5.6.
type search struct {
	evaluation *evaluation
	// candidates are the evaluations to try, results what each stands for.
	candidates []*evaluation
	results    []any
	page       page
	// name is a hash of all of the question but its page.
	name [sha256.Size]byte
}

// page is which results are wanted: limit of them, all if it is zero, from the
// one that the token names.
type page struct {
	token string
	limit int
}

// maxCandidates is how many candidates a search tries.
const maxCandidates = 1024

// readSearch reads a search.
func (x *exchange) readSearch() (*search, error) {
	o, err := x.read(oneQuestion)
	if err != nil {
		return nil, err
	}
	s := &search{}
	if p, ok := o.object("page"); ok {
		s.page = page{token: p.text("token"), limit: p.whole("limit")}
	}
	text, err := json.Marshal(o.m)
	if err != nil {
		return nil, err
	}
	s.name = sha256.Sum256(append([]byte(x.r.URL.Path+"\x00"), text...))
	s.evaluation = readEvaluation(o)
	return s, *o.err
}

// searchActions finds what a subject may do to a resource, of the actions of its
// service that policies name.
func (x *exchange) searchActions() error {
	s, err := x.readSearch()
	if err != nil {
		return err
	}
	if s.evaluation.action != nil {
		return invalid("an action search has no action")
	}
	if err := s.needs(evaluation{action: &action{name: "any"}}); err != nil {
		return err
	}
	return x.search(s, func(d *server.Deployment) error {
		names, complete := d.Bundle.Actions(s.evaluation.resource.service())
		if !complete {
			return status.Error(codes.Unimplemented, "policies allow actions of this service by wildcards or NotAction, so there is no list of them")
		}
		for _, name := range names {
			s.try(evaluation{action: &action{name: name}}, map[string]string{"name": name})
		}
		return nil
	})
}

// searchResources finds on what a subject may do something, of the resources that
// policies name. Which rows or objects there are beside, only the stores know.
func (x *exchange) searchResources() error {
	s, err := x.readSearch()
	if err != nil {
		return err
	}
	of, asked := s.evaluation.resource, s.evaluation.action
	if of == nil {
		return invalid("no resource.type")
	}
	if err := s.needs(evaluation{resource: &entity{kind: of.kind, id: "any"}}); err != nil {
		return err
	}
	return x.search(s, func(d *server.Deployment) error {
		service := of.kind
		if service == arnType {
			service = ""
			if of, _, named := strings.Cut(asked.name, ":"); named {
				service = of
			}
		}
		name, err := asked.of(service)
		if err != nil {
			return err
		}
		arns, complete := d.Bundle.ResourcesOf(strings.ToLower(service), name)
		if !complete {
			return status.Error(codes.Unimplemented, "policies allow the action on resources of this service by wildcards, policy variables or NotResource, so there is no list of them: which rows, /v1/filter answers")
		}
		own, err := (&entity{kind: of.kind}).arn(d.Account)
		if of.kind == arnType {
			own, err = "", nil
		}
		if err != nil {
			return err
		}
		for _, arn := range arns {
			id := strings.TrimPrefix(arn, own)
			if strings.HasPrefix(id, "arn:") {
				id = arn
			}
			s.try(evaluation{resource: &entity{kind: of.kind, id: id, keys: of.keys}}, map[string]string{"type": of.kind, "id": id})
		}
		return nil
	})
}

// searchSubjects finds which users, or which roles, may do something. Sessions of
// identity pools are not known beforehand.
func (x *exchange) searchSubjects() error {
	s, err := x.readSearch()
	if err != nil {
		return err
	}
	of := s.evaluation.subject
	if of == nil {
		return invalid("no subject.type")
	}
	if err := s.needs(evaluation{subject: &entity{kind: of.kind, id: "any"}}); err != nil {
		return err
	}
	return x.search(s, func(d *server.Deployment) error {
		var ids []string
		switch of.kind {
		case "user":
			for _, a := range d.Bundle.Administrators {
				if len(a.AccessKeys) > 0 {
					ids = append(ids, a.Name)
				}
			}
		case "role":
			for _, r := range d.Bundle.Roles {
				ids = append(ids, r.Name)
			}
		default:
			return status.Errorf(codes.Unimplemented, "only users and roles can be searched, not subjects of type %.100q", of.kind)
		}
		for _, id := range ids {
			s.try(evaluation{subject: &entity{kind: of.kind, id: id, keys: of.keys}}, map[string]string{"type": of.kind, "id": id})
		}
		return nil
	})
}

// needs refuses a search that lacks another part than the open one, also if there
// is nothing to try.
func (s *search) needs(open evaluation) error {
	if name := open.or(s.evaluation).missing(); name != "" {
		return invalid("no %s", name)
	}
	return nil
}

// try adds a candidate: the search's evaluation with the part that it is for.
func (s *search) try(part evaluation, result any) {
	s.candidates = append(s.candidates, part.or(s.evaluation))
	s.results = append(s.results, result)
}

// search tries the candidates, and answers with a page of those that are
// permitted.
func (x *exchange) search(s *search, candidates func(*server.Deployment) error) error {
	out, err := x.options.Decider.DecideBatchWith(x.r.Context(), func(d *server.Deployment) (*rowanv1.DecideBatchRequest, error) {
		if err := candidates(d); err != nil {
			return nil, err
		}
		if len(s.candidates) > maxCandidates {
			return nil, status.Errorf(codes.Unimplemented, "there are more than %d to try", maxCandidates)
		}
		in := &rowanv1.DecideBatchRequest{}
		for _, e := range s.candidates {
			q, err := e.question(d.Account)
			if err != nil {
				return nil, err
			}
			in.Requests = append(in.Requests, q)
		}
		return in, nil
	})
	if err != nil {
		return err
	}
	permitted := []any{}
	for i, r := range out.GetResults() {
		if r.GetAnswer() == nil {
			return problemOf(r)
		}
		if r.GetAnswer().GetDecision() == rowanv1.Decision_DECISION_ALLOWED {
			permitted = append(permitted, s.results[i])
		}
	}
	return x.replyPage(s, permitted, out.GetBundle().GetDigest())
}

// replyPage answers with the results that the page is to have. A token names
// where it begins, and holds for the same question and bundle alone.
func (x *exchange) replyPage(s *search, all []any, digest string) error {
	of := sha256.Sum256(append(s.name[:], digest...))
	from := 0
	if s.page.token != "" {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(s.page.token)
		if err != nil || len(raw) != 4+sha256.Size || !bytes.Equal(raw[4:], of[:]) {
			return invalid("page.token: not of this search, or policies have changed since: begin anew")
		}
		from = int(min(binary.BigEndian.Uint32(raw), uint32(len(all))))
	}
	to := len(all)
	if s.page.limit > 0 {
		to = min(from+s.page.limit, len(all))
	}
	next := ""
	if to < len(all) {
		next = base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, uint32(to)), of[:]...))
	}
	return x.reply(http.StatusOK, map[string]any{
		"results": slices.Clone(all[from:to]),
		"page":    map[string]any{"next_token": next, "count": to - from, "total": len(all)},
	})
}
