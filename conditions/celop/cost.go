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
	switch n.Type().Kind() {
	case types.StringKind:
		return &checker.SizeEstimate{Max: assumedText}
	case types.ListKind, types.MapKind:
		return &checker.SizeEstimate{Max: assumedEntries}
	default:
		return nil
	}
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

// CallCost implements interpreter.ActualCostEstimator.
func (pricing) CallCost(_, id string, args []ref.Val, _ ref.Val) *uint64 {
	if !reading[id] || len(args) != 1 {
		return nil
	}
	s, ok := args[0].(types.String)
	if !ok {
		return nil
	}
	cost := 2 + uint64(len(s))/charsPerUnit
	return &cost
}
