package main

import (
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// completionCommand is `rowan completion`. The scripts are written from the
// grammar of the command line and ask nothing of rowan while one types.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help describes the command.
func (*completionCommand) Help() string {
	return `Examples:

    source <(rowan completion bash)
    rowan completion zsh > "${fpath[1]}/_rowan"
    rowan completion fish > ~/.config/fish/completions/rowan.fish`
}

// Run prints the script.
func (s *completionCommand) Run(c *console, k *kong.Kong) error {
	script := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[s.Shell]
	t, err := template.New(s.Shell).Funcs(template.FuncMap{
		"join": strings.Join, "quote": quoteShell, "spec": escapeSpec,
	}).Parse(script)
	if err != nil {
		return err
	}
	return t.Execute(c.out, newWords(k.Model))
}

// words are what a command line is made of.
type words struct {
	Flags    []flagWord
	Commands []commandWord
}

type commandWord struct {
	Name, Help string
	Flags      []flagWord
	// Values are those of the argument, if it is no file; Files says that it
	// is one.
	Values []string
	Files  bool
}

type flagWord struct {
	Name, Help string
	Short      string
	// Takes says that a value follows, Values which there are, if few.
	Takes  bool
	Values []string
}

func newWords(app *kong.Application) *words {
	w := &words{Flags: flagWords(app.Flags)}
	for _, n := range app.Children {
		command := commandWord{Name: n.Name, Help: summary(n.Help), Flags: flagWords(n.Flags)}
		for _, p := range n.Positional {
			command.Values = values(p)
			command.Files = len(command.Values) == 0
		}
		w.Commands = append(w.Commands, command)
	}
	return w
}

func flagWords(flags []*kong.Flag) []flagWord {
	var out []flagWord
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		word := flagWord{Name: f.Name, Help: summary(f.Help), Takes: !f.IsBool(), Values: values(f.Value)}
		if f.Short != 0 {
			word.Short = string(f.Short)
		}
		out = append(out, word)
	}
	return out
}

// summary returns the first sentence of a help text.
func summary(help string) string {
	first, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(first, ".")
}

// values returns the words that a flag or argument takes, if they are listed.
func values(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(v.Enum, ","), ",")
}

// quoteShell quotes s for any of the shells.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// escapeSpec keeps s in one piece within an argument of zsh's _arguments.
func escapeSpec(s string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}

const bashScript = `# bash completion for rowan. Load it with: source <(rowan completion bash)
_rowan() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= flags= words= i
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		{{range $i, $c := .Commands}}{{if $i}} | {{end}}{{.Name}}{{end}})
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $command:$prev in
	{{- range .Flags}}{{if .Takes}}
	*:--{{.Name}}) words={{quote (join .Values " ")}} ;;
	{{- end}}{{end}}
	{{- range $c := .Commands}}{{range .Flags}}{{if .Takes}}
	{{$c.Name}}:--{{.Name}}{{if .Short}} | {{$c.Name}}:-{{.Short}}{{end}}) words={{quote (join .Values " ")}} ;;
	{{- end}}{{end}}{{end}}
	*)
		case $command in
		"") words={{"'"}}{{range $i, $c := .Commands}}{{if $i}} {{end}}{{.Name}}{{end}}{{"'"}} ;;
		{{- range .Commands}}
		{{.Name}}) words={{quote (join .Values " ")}} flags='{{range $i, $f := .Flags}}{{if $i}} {{end}}--{{.Name}}{{end}}' ;;
		{{- end}}
		esac
		flags="$flags{{range .Flags}} --{{.Name}}{{end}}"
		;;
	esac
	[[ $cur == -* ]] && words=$flags
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _rowan rowan
`

const zshScript = `#compdef rowan
# zsh completion for rowan. Put it into a folder of $fpath as _rowan, or: source <(rowan completion zsh)
_rowan() {
	local curcontext=$curcontext state line
	typeset -A opt_args
	local -a flags commands
	flags=(
		{{- range .Flags}}
		{{template "flag" .}}
		{{- end}}
	)
	commands=(
		{{- range .Commands}}
		{{quote (printf "%s:%s" .Name .Help)}}
		{{- end}}
	)
	_arguments -C $flags '1:command:->command' '*::argument:->argument'
	case $state in
	command) _describe command commands ;;
	argument)
		case $words[1] in
		{{- range .Commands}}
		{{.Name}})
			_arguments $flags
			{{- range .Flags}} \
				{{template "flag" .}}{{end}}
			{{- if .Values}} \
				'1:argument:({{join .Values " "}})'{{else if .Files}} \
				'*:file:_files'{{end}}
			;;
		{{- end}}
		esac
		;;
	esac
}
if [[ $funcstack[1] == _rowan ]]; then
	_rowan "$@"
else
	compdef _rowan rowan
fi
{{define "flag"}}{{if .Takes}}{{if .Values}}{{quote (printf "--%s=[%s]:%s:(%s)" .Name (spec .Help) .Name (join .Values " "))}}
	{{- else}}{{quote (printf "--%s=[%s]:%s:_files" .Name (spec .Help) .Name)}}{{end}}
	{{- else}}{{quote (printf "--%s[%s]" .Name (spec .Help))}}{{end}}{{end}}`

const fishScript = `# fish completion for rowan. Put it into ~/.config/fish/completions/rowan.fish
{{- range .Flags}}
complete -c rowan -l {{.Name}}{{if .Short}} -s {{.Short}}{{end}}{{if .Values}} -x -a {{quote (join .Values " ")}}{{else if .Takes}} -r{{end}} -d {{quote .Help}}
{{- end}}
{{- range $c := .Commands}}
complete -c rowan -n __fish_use_subcommand -f -a {{.Name}} -d {{quote .Help}}
{{- range .Flags}}
complete -c rowan -n '__fish_seen_subcommand_from {{$c.Name}}' -l {{.Name}}{{if .Short}} -s {{.Short}}{{end}}{{if .Values}} -x -a {{quote (join .Values " ")}}{{else if .Takes}} -r{{end}} -d {{quote .Help}}
{{- end}}
{{- if .Values}}
complete -c rowan -n '__fish_seen_subcommand_from {{.Name}}' -f -a {{quote (join .Values " ")}}
{{- end}}
{{- end}}
`
