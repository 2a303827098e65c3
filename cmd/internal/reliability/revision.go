package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/cmd/internal/archive"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/internal/reference"
	"github.com/rowan-authz/rowan/policy"
)

// The names of the bundle.
const (
	account   = "111122223333"
	region    = "us-east-1"
	tableARN  = "arn:aws:dynamodb:" + region + ":" + account + ":table/Rows"
	poolID    = region + ":3b0c6a52-95d3-4a47-9c67-0c2f1de6b7aa"
	roleARN   = "arn:aws:iam::" + account + ":role/Player"
	roleID    = "AROAPLAYERPLAYERPLAY"
	adminKey  = "AKIAROWANDEMO0000001"
	secretEnv = "ROWAN_SECRET_" + adminKey
	adminText = "reliability-administrator-secret-000000000"
	bearerKey = "rowan-reliability-service-key-0000000000000000"
	leading   = "dynamodb:LeadingKeys"
	subjectID = "cognito-identity.amazonaws.com:sub"
	getItem   = "dynamodb:GetItem"
)

// rows is a policy that lets an action reach rows with certain keys.
func rows(sid, action, keys string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Sid": %q, "Effect": "Allow", "Action": %s, "Resource": %q,
  "Condition": {"ForAllValues:StringLike": {%q: %s}, "Null": {%q: "false"}}}]}`, sid, action, tableARN, leading, keys, leading)
}

const trust = `trust:
  Version: 2012-10-17
  Statement:
    - Effect: Allow
      Principal: {Federated: cognito-identity.amazonaws.com}
      Action: sts:AssumeRoleWithWebIdentity
      Condition:
        StringEquals: {"cognito-identity.amazonaws.com:aud": "` + poolID + `"}
        ForAnyValue:StringLike: {"cognito-identity.amazonaws.com:amr": %s}
`

const everything = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`

// The policies that revisions differ in. Those of canaries stand in files that
// are far from each other.
const (
	canaryA = "policies/CanaryA.json"
	canaryB = "policies/ZCanaryB.json"
	season  = "policies/Season.json"
)

// canary is the row that canary A or B of a revision lets be read.
func canary(which string, n int) string { return fmt.Sprintf("canary-%s-%d", which, n) }

// seasons is how many rows of seasons there are: a revision opens one.
const seasons = 4

// revisionFiles are the files of revision n, with so many policies besides.
func revisionFiles(n, besides int) map[string]string {
	key := sha256.Sum256([]byte(bearerKey))
	files := map[string]string{
		"rowan.yaml":                      "account: \"" + account + "\"\nregion: " + region + "\n",
		"tables/Rows.yaml":                "partitionKey: {name: Owner, type: S}\n",
		"policies/Own.json":               rows("Own", `["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]`, `"${`+subjectID+`}"`),
		"policies/Open.json":              rows("Open", `"dynamodb:GetItem"`, `"open"`),
		canaryA:                           rows("CanaryA", `"dynamodb:GetItem"`, fmt.Sprintf("%q", canary("A", n))),
		canaryB:                           rows("CanaryB", `"dynamodb:GetItem"`, fmt.Sprintf("%q", canary("B", n))),
		season:                            rows("Season", `"dynamodb:GetItem"`, fmt.Sprintf(`"season-%d-*"`, n%seasons)),
		"policies/Keep.json":              `{"Version": "2012-10-17", "Statement": [{"Sid": "Keep", "Effect": "Allow", "NotAction": "dynamodb:DeleteItem", "Resource": "*"}]}`,
		"guardrails/scp/00-root/All.json": everything,
		"guardrails/scp/00-root/NoScans.json": `{"Version": "2012-10-17", "Statement": [{"Sid": "NoScans", "Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*"},
  {"Sid": "Sealed", "Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": "season-*-sealed"}}}]}`,
		"roles/Guest.yaml":     fmt.Sprintf(trust, "unauthenticated") + "policies: [Open]\n",
		"pools/game.yaml":      "identityPool:\n  id: " + poolID + "\n  authenticated: Player\n  unauthenticated: Guest\n  guestServices: [dynamodb]\n",
		"services/asking.yaml": "keys: [\"sha256:" + hex.EncodeToString(key[:]) + "\"]\nrights: [assert, explain, policies]\n",
		"administrators/operator.yaml": "accessKeys: [" + adminKey + "]\ninline:\n  Operate:\n    Version: 2012-10-17\n    Statement:\n" +
			"      - {Effect: Allow, Action: [\"rowan:*\", \"cognito-identity:*\"], Resource: \"*\"}\n",
	}
	names := []string{"Own", "Open", "CanaryA", "ZCanaryB", "Season"}
	for i := range besides {
		files[fmt.Sprintf("policies/Besides%05d.json", i)] = rows("Besides", `"dynamodb:GetItem"`, fmt.Sprintf(`"besides-%d-*"`, i))
	}
	files["roles/Player.yaml"] = fmt.Sprintf(trust, "authenticated") + "id: " + roleID + "\nboundary: Keep\npolicies: [" + strings.Join(names, ", ") + "]\n"
	return files
}

// question is one that can be asked of any revision. Who asks is the player of
// that number.
type question struct {
	player      int
	action, row string
}

// players is how many ask at once.
const players = 64

// questions are what is asked over and over.
func questions() []question {
	out := make([]question, 0, 8*players)
	for p := range players {
		out = append(out,
			question{p, getItem, identityID(p)}, question{p, getItem, identityID((p + 1) % players)}, question{p, getItem, "open"},
			question{p, "dynamodb:PutItem", identityID(p)}, question{p, "dynamodb:DeleteItem", identityID(p)}, question{p, "dynamodb:Scan", "open"},
			question{p, getItem, fmt.Sprintf("season-%d-a", p%seasons)}, question{p, getItem, fmt.Sprintf("season-%d-sealed", p%seasons)})
	}
	return out
}

func identityID(player int) string {
	return fmt.Sprintf("%s:%08x-0000-4000-8000-%012x", region, player, player)
}

// revision is a bundle with what it decides.
type revision struct {
	n      int
	digest string
	files  *archive.Files
	// decisions are of the questions, in their order, as the reference decides.
	decisions []string
}

// pack makes an archive of files, numbered n.
func pack(texts map[string]string, n int) (*archive.Files, error) {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	f, err := archive.ReadDir(fsys)
	if err != nil {
		return nil, err
	}
	return f.Numbered(uint64(n), time.Now(), time.Time{})
}

func newRevision(n, besides int, asked []question) (*revision, error) {
	texts := revisionFiles(n, besides)
	files, err := pack(texts, n)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Load(files.FS(), "revision", conditions.AWS())
	if err != nil {
		return nil, err
	}
	r := &revision{n: n, digest: strings.TrimPrefix(b.Digest, "sha256:"), files: files}
	judge, err := newReference(texts)
	if err != nil {
		return nil, err
	}
	for _, q := range asked {
		r.decisions = append(r.decisions, judge.decide(q.action, q.row, identityID(q.player)))
	}
	return r, nil
}

// referee decides with the reference interpreter.
type referee struct {
	principal reference.Principal
	policies  reference.Policies
}

func newReference(texts map[string]string) (*referee, error) {
	r := &referee{}
	var err error
	if r.principal, err = reference.ParsePrincipal("arn:aws:sts::" + account + ":assumed-role/Player/CognitoIdentityCredentials"); err != nil {
		return nil, err
	}
	var control []*policy.Document
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasSuffix(name, ".json") || strings.Contains(name, "Besides") {
			continue // those besides are no player's
		}
		doc, err := policy.Parse(name, []byte(texts[name]))
		if err != nil {
			return nil, err
		}
		switch {
		case strings.HasPrefix(name, "guardrails/"):
			control = append(control, doc)
		case name == "policies/Keep.json":
			r.policies.Boundary = append(r.policies.Boundary, doc)
		default:
			r.policies.Identity = append(r.policies.Identity, doc)
		}
	}
	r.policies.ServiceControl = [][]*policy.Document{control}
	return r, nil
}

// decide returns what the reference does: allowed, explicitDeny or implicitDeny.
func (r *referee) decide(action, row, identity string) string {
	return reference.Decide(reference.Question{
		Principal: r.principal, Action: action, Resource: tableARN, ResourceAccount: account, Policies: r.policies, Now: time.Now(),
		Context: map[string][]string{leading: {row}, subjectID: {identity}},
	}).Decision
}
