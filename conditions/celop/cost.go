package celop

import (
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// What the estimate assumes of a request. Longer ones are met by the limit
// that holds while the expression runs.
const (
	assumedText    = 256 // characters of a value
	assumedEntries = 32  // values of a key, keys of the context, tags
)

// pricing is what CEL's own model of cost lacks: the sizes of our variables,
// and the functions that read all of a text for the price of one step.
type pricing struct{}

// reading names the overloads that read all of their text.
var reading = map[string]bool{
	overloads.SizeString: true, overloads.SizeStringInst: true,
	overloads.StringToBool: true, overloads.StringToInt: true, overloads.StringToDouble: true,
	overloads.StringToDuration: true, overloads.StringToTimestamp: true,
}

// charsPerUnit is how much text CEL reads for a unit of cost elsewhere.
const charsPerUnit = 10

// EstimateSize implements checker.CostEstimator.
func (pricing) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	if k := n.Type().Kind(); k == types.StringKind {
		return &checker.SizeEstimate{Max: assumedText}
	} else if k == types.ListKind || k == types.MapKind {
		return &checker.SizeEstimate{Max: assumedEntries}
	}
	return nil // of one size
}

// EstimateCallCost implements checker.CostEstimator.
func (p pricing) EstimateCallCost(_, id string, target *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
	if !reading[id] {
		return nil
	}
	if target != nil {
		args = append([]checker.AstNode{*target}, args...)
	}
	if len(args) != 1 {
		return nil
	}
	size := args[0].ComputedSize()
	if size == nil {
		size = p.EstimateSize(args[0])
	}
	cost := size.MultiplyByCostFactor(1.0 / charsPerUnit).Add(checker.FixedCostEstimate(1))
	return &checker.CallEstimate{CostEstimate: cost}
}

// CallCost implements interpreter.ActualCostEstimator. CEL prices texts by
// their characters, and counts them for it; a request's long texts would be
// counted at every step, so bytes stand for characters here.
func (pricing) CallCost(_, id string, args []ref.Val, _ ref.Val) *uint64 {
	var cost uint64
	switch len(args) {
	case 1:
		s, ok := args[0].(types.String)
		if !ok || !reading[id] {
			return nil
		}
		cost = 1 + units(len(s))
	case 2:
		s, ok1 := args[0].(types.String)
		t, ok2 := args[1].(types.String)
		if !ok1 || !ok2 {
			return nil
		}
		cost = pairCost(id, len(s), len(t))
	default:
		return nil
	}
	return &cost
}

// pairCost is CEL's price of a call on two texts of so many bytes.
func pairCost(id string, s, t int) uint64 {
	switch id {
	case overloads.AddString:
		return units(s + t)
	case overloads.ContainsString:
		return units(s) * units(t)
	case overloads.StartsWithString, overloads.EndsWithString:
		return units(t)
	}
	return units(min(s, t)) // equal, less, greater
}

// units is the price of reading n bytes of text.
func units(n int) uint64 { return uint64(n+charsPerUnit-1) / charsPerUnit }
