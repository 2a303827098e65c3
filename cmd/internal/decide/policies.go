package decide

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	rowanv1 "github.com/rowan-authz/rowan/api/rowan/v1"
	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/policy"
)

// policies begins a call about policies.
func (d *Decider) policies(ctx context.Context) (*session, error) {
	s, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	if !s.by.Has(bundle.PoliciesRight) {
		return nil, lacks(bundle.PoliciesRight)
	}
	return s, nil
}

// Validate checks a policy document.
func (d *Decider) Validate(ctx context.Context, in *rowanv1.ValidateRequest) (*rowanv1.ValidateResponse, error) {
	s, err := d.policies(ctx)
	if err != nil {
		return nil, err
	}
	if len(in.GetDocument()) > bundle.MaxFileBytes {
		return nil, status.Errorf(codes.InvalidArgument, "the document has more than %d bytes", bundle.MaxFileBytes)
	}
	kind := policy.Identity
	if in.GetKind() != "" {
		var ok bool
		if kind, ok = policy.ParseKind(in.GetKind()); !ok {
			return nil, status.Errorf(codes.InvalidArgument, "no kind of policy %.50q", in.GetKind())
		}
	}
	doc, err := policy.Parse(in.GetName(), in.GetDocument())
	if err == nil {
		err = doc.Validate(kind, s.force.Account.Vocabulary)
	}
	out := &rowanv1.ValidateResponse{}
	var faults policy.Errors
	if err != nil && !errors.As(err, &faults) {
		var one *policy.Error
		if !errors.As(err, &one) {
			return nil, status.Errorf(codes.Internal, "%v", err)
		}
		faults = policy.Errors{one}
	}
	for _, f := range faults {
		message := f.Err.Error()
		if f.Path != "" {
			message = f.Path + ": " + message
		}
		out.Faults = append(out.Faults, &rowanv1.PolicyFault{Line: f.Pos.Line, Column: f.Pos.Column, Message: message})
	}
	return out, nil
}

// Test runs the tests of the bundle in force.
func (d *Decider) Test(ctx context.Context, in *rowanv1.TestRequest) (*rowanv1.TestResponse, error) {
	s, err := d.policies(ctx)
	if err != nil {
		return nil, err
	}
	suites, err := s.force.Bundle.Suites()
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "the tests cannot be read: %v", err)
	}
	r := s.force.Test(ctx, suites, bundle.RunOptions{
		Now:    s.now,
		Select: func(name string) bool { return strings.Contains(name, in.GetRun()) },
	})
	var text bytes.Buffer
	if err := r.WriteText(&text, false); err != nil {
		return nil, status.Errorf(codes.Internal, "%v", err)
	}
	return &rowanv1.TestResponse{
		Passed: r.Failed == 0 && r.Passed > 0, Tests: uint32(r.Passed + r.Failed), Failures: uint32(r.Failed), Text: text.String(), Bundle: s.force.name,
	}, nil
}

// Describe describes the bundle in force.
func (d *Decider) Describe(ctx context.Context, _ *rowanv1.DescribeRequest) (*rowanv1.DescribeResponse, error) {
	s, err := d.policies(ctx)
	if err != nil {
		return nil, err
	}
	x, b := s.force, s.force.Bundle
	out := &rowanv1.DescribeResponse{
		Bundle: x.name, LoadedAt: timestamppb.New(x.Loaded), Account: b.Account, Partition: b.Partition, Region: b.Region,
		Roles: uint32(len(b.Roles)), Policies: uint32(b.Documents()), Resources: uint32(len(b.Resources)),
		IdentityPools: uint32(len(b.IdentityPools)), UserPools: uint32(len(b.UserPools)), Tables: uint32(len(b.Tables)),
	}
	if !x.Expires.IsZero() {
		out.ExpiresAt = timestamppb.New(x.Expires)
	}
	if r := s.options.Refusal; r != nil {
		if reason, at := r(); reason != "" {
			out.Refusal, out.RefusedAt = reason, timestamppb.New(at)
		}
	}
	return out, nil
}
