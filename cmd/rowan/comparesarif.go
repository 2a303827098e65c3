package main

import (
	"github.com/rowan-authz/rowan/analysis"
	"github.com/rowan-authz/rowan/cmd/internal/sarif"
	"github.com/rowan-authz/rowan/conditions"
)

// sarif writes what is gained, lost and unknown. What --fail-on names is an
// error.
func (x *compareCommand) sarif(c *console, v *conditions.Vocabulary, all []comparison) error {
	gained, lost := sarif.Warning, sarif.Note
	if x.FailOn != "none" {
		gained = sarif.Error
	}
	if x.FailOn == "different" {
		lost = sarif.Error
	}
	log := sarif.Log{Tool: "rowan compare", Rules: []sarif.Rule{
		{ID: "gained", Level: gained, Short: "The new policies allow a request that the old ones do not.", Full: "The message shows the request, and stands at the statement that allows it."},
		{ID: "lost", Level: lost, Short: "The old policies allow a request that the new ones do not.", Full: "The message shows the request, and stands at the statement of the new policies that denies it, or of the old ones that allows it."},
		{ID: "unknown", Level: sarif.Warning, Short: "Whether a request is gained or lost is unknown.", Full: "The message has the reason. A gate takes it for a failure."},
	}}
	for i := range all {
		one := &all[i]
		for _, w := range one.diff.Gained.Witnesses {
			log.Results = append(log.Results, changeSARIF(v, one.who(), sarif.Result{RuleID: "gained", Level: gained}, w, one.by, nil))
		}
		for _, w := range one.diff.Lost.Witnesses {
			log.Results = append(log.Results, changeSARIF(v, one.who(), sarif.Result{RuleID: "lost", Level: lost}, w, one.by, one.not))
		}
		for _, d := range []struct {
			word string
			*analysis.Direction
		}{{"gained", &one.diff.Gained}, {"lost", &one.diff.Lost}} {
			if d.Verdict == analysis.Unknown {
				log.Results = append(log.Results, sarif.Result{
					RuleID: "unknown", Level: sarif.Warning, Message: ofWho(one.who()) + "what is " + d.word + " is unknown: " + plain(d.Reason),
				})
			}
		}
	}
	return sarif.Write(c.out, log)
}

// changeSARIF stands at the statement that decides, by the first of deciders
// that has one.
func changeSARIF(v *conditions.Vocabulary, who string, out sarif.Result, w *analysis.Witness, deciders ...decider) sarif.Result {
	out.Message = ofWho(who) + out.RuleID + " " + inWords(w)
	for _, by := range deciders {
		if by == nil {
			continue
		}
		if s := statementsBy(v, by, w); len(s) > 0 {
			out.Message += ", by " + byStatements(s)
			at(&out, &s[0])
			break
		}
	}
	return out
}

func ofWho(who string) string {
	if who == "" {
		return ""
	}
	return plain(who) + ": "
}
