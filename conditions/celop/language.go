package celop

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// The variables of an expression. A dotted name is one variable, so that each
// has a type of its own and is read when it is needed.
const (
	requestAction     = "request.action"
	requestResource   = "request.resource"
	requestTime       = "request.time"
	principalARN      = "principal.arn"
	principalAccount  = "principal.account"
	principalType     = "principal.type"
	principalUserID   = "principal.userid"
	principalUsername = "principal.username"
	principalTags     = "principal.tags"
	contextKeys       = "context"
)

// Limits of the parser: brackets in brackets, nodes after macros are expanded,
// comprehensions in comprehensions.
const (
	maxDepth         = 50
	maxNodes         = 4096
	maxComprehension = 4
)

// functions are those of CEL's standard library that expressions may call.
// Left out is what defeats the type-checker (dyn, type), what costs more than
// CEL charges for it (matches), and what only repeats (has). Conversions to a
// timestamp and time zones are our own. The review leaves out some more.
var functions = []*env.Function{
	env.NewFunction(operators.LogicalAnd),
	env.NewFunction(operators.LogicalOr),
	env.NewFunction(operators.LogicalNot),
	env.NewFunction(operators.Conditional),
	env.NewFunction(operators.NotStrictlyFalse),
	env.NewFunction(operators.Equals),
	env.NewFunction(operators.NotEquals),
	env.NewFunction(operators.Less),
	env.NewFunction(operators.LessEquals),
	env.NewFunction(operators.Greater),
	env.NewFunction(operators.GreaterEquals),
	env.NewFunction(operators.Add),
	env.NewFunction(operators.Subtract),
	env.NewFunction(operators.Multiply),
	env.NewFunction(operators.Divide),
	env.NewFunction(operators.Modulo),
	env.NewFunction(operators.Negate),
	env.NewFunction(operators.Index),
	env.NewFunction(operators.In),
	env.NewFunction(overloads.Size),
	env.NewFunction(overloads.StartsWith),
	env.NewFunction(overloads.EndsWith),
	env.NewFunction(overloads.Contains),
	env.NewFunction(overloads.TypeConvertBool),
	env.NewFunction(overloads.TypeConvertInt),
	env.NewFunction(overloads.TypeConvertDouble),
	env.NewFunction(overloads.TypeConvertString),
	env.NewFunction(overloads.TypeConvertDuration),
	env.NewFunction(overloads.TimeGetFullYear, overload(overloads.TimestampToYear)),
	env.NewFunction(overloads.TimeGetMonth, overload(overloads.TimestampToMonth)),
	env.NewFunction(overloads.TimeGetDate, overload(overloads.TimestampToDayOfMonthOneBased)),
	env.NewFunction(overloads.TimeGetDayOfMonth, overload(overloads.TimestampToDayOfMonthZeroBased)),
	env.NewFunction(overloads.TimeGetDayOfYear, overload(overloads.TimestampToDayOfYear)),
	env.NewFunction(overloads.TimeGetDayOfWeek, overload(overloads.TimestampToDayOfWeek)),
	env.NewFunction(overloads.TimeGetHours, overload(overloads.TimestampToHours), overload(overloads.DurationToHours)),
	env.NewFunction(overloads.TimeGetMinutes, overload(overloads.TimestampToMinutes), overload(overloads.DurationToMinutes)),
	env.NewFunction(overloads.TimeGetSeconds, overload(overloads.TimestampToSeconds), overload(overloads.DurationToSeconds)),
	env.NewFunction(overloads.TimeGetMilliseconds, overload(overloads.TimestampToMilliseconds), overload(overloads.DurationToMilliseconds)),
}

func overload(id string) *env.Overload { return env.NewOverload(id, nil, nil) }

// newEnv returns the language. Time zones resolve through z.
func newEnv(z *zones) (*cel.Env, error) {
	subset := env.NewLibrarySubset().
		AddIncludedFunctions(functions...).
		AddIncludedMacros(operators.All, operators.Exists, operators.ExistsOne, operators.Map, operators.Filter)
	opts := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(),
			cel.ValidateComprehensionNestingLimit(maxComprehension),
		),
		cel.Variable(requestAction, cel.StringType),
		cel.Variable(requestResource, cel.StringType),
		cel.Variable(requestTime, cel.TimestampType),
		cel.Variable(principalARN, cel.StringType),
		cel.Variable(principalAccount, cel.StringType),
		cel.Variable(principalType, cel.StringType),
		cel.Variable(principalUserID, cel.StringType),
		cel.Variable(principalUsername, cel.StringType),
		cel.Variable(principalTags, cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable(contextKeys, cel.MapType(cel.StringType, cel.ListType(cel.StringType))),
		cel.Function(overloads.TypeConvertTimestamp, cel.Overload(overloads.StringToTimestamp,
			[]*cel.Type{cel.StringType}, cel.TimestampType, cel.UnaryBinding(toTimestamp))),
	}
	return cel.NewCustomEnv(slices.Concat(opts, zoneFunctions(z))...)
}

// zoneFunctions are the accessors of a timestamp in a time zone.
func zoneFunctions(z *zones) []cel.EnvOption {
	opts := make([]cel.EnvOption, len(clockFields))
	for i, f := range clockFields {
		opts[i] = cel.Function(f.name, cel.MemberOverload(f.overload,
			[]*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType, cel.BinaryBinding(z.field(f.of))))
	}
	return opts
}

// toTimestamp reads the dates of IAM, those of RFC 3339 among them.
func toTimestamp(text ref.Val) ref.Val {
	s, ok := text.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(text)
	}
	t, ok := parseTime(string(s))
	if !ok {
		return types.WrapErr(fmt.Errorf("%.100q is no date", string(s)))
	}
	return types.Timestamp{Time: t}
}

// clockFields are what a time zone changes about an instant.
var clockFields = []struct {
	name, overload string
	of             func(time.Time) int
}{
	{overloads.TimeGetFullYear, overloads.TimestampToYearWithTz, time.Time.Year},
	{overloads.TimeGetMonth, overloads.TimestampToMonthWithTz, func(t time.Time) int { return int(t.Month()) - 1 }},
	{overloads.TimeGetDate, overloads.TimestampToDayOfMonthOneBasedWithTz, time.Time.Day},
	{overloads.TimeGetDayOfMonth, overloads.TimestampToDayOfMonthZeroBasedWithTz, func(t time.Time) int { return t.Day() - 1 }},
	{overloads.TimeGetDayOfYear, overloads.TimestampToDayOfYearWithTz, func(t time.Time) int { return t.YearDay() - 1 }},
	{overloads.TimeGetDayOfWeek, overloads.TimestampToDayOfWeekWithTz, func(t time.Time) int { return int(t.Weekday()) }},
	{overloads.TimeGetHours, overloads.TimestampToHoursWithTz, time.Time.Hour},
	{overloads.TimeGetMinutes, overloads.TimestampToMinutesWithTz, time.Time.Minute},
	{overloads.TimeGetSeconds, overloads.TimestampToSecondsWithTz, time.Time.Second},
	{overloads.TimeGetMilliseconds, overloads.TimestampToMillisecondsWithTz, func(t time.Time) int { return t.Nanosecond() / 1e6 }},
}
