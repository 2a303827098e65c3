// Package benchmarks times Rowan beside the engines that people weigh it against, and beside a
// hand-written function, on one workload: the row-level check of a DynamoDB table.
//
// The work is in [github.com/rowan-authz/rowan/benchmarks/internal/workload], the engines are in
// [github.com/rowan-authz/rowan/benchmarks/internal/subject], each behind the same small
// interface. A test holds every engine to the same answers before any of them is timed.
//
//	go test -bench 'Decide/N=1000/allow' .     the usual Go benchmarks
//	go run ./compare                           all of it, interleaved, with ratios and a chart
//
// README.md says what the engines do not have in common.
package benchmarks
