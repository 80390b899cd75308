package mobile_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme_Calls holds the arguments of every call of ours in the snippets, and of every method that an app implements, against
// the signatures that gobind makes: how many there are, and in Swift their labels.
func TestReadme_Calls(t *testing.T) {
	t.Parallel()
	files := bindings(t)
	for language, c := range map[string]struct {
		made map[string][]string
		own  string // calls of the platform that have a name of ours
		want int    // calls at least
	}{
		"kotlin": {javaSignatures(java(files)), "sign()", 40},
		"swift":  {swiftSignatures(files["Mobile.objc.h"]), "", 30},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			code := regexp.MustCompile(`"[^"\n]*"`).ReplaceAllString(snippet(t, language), "text")
			code = regexp.MustCompile(`//[^\n]*`).ReplaceAllString(code, "")
			n := 0
			for _, made := range calls(code) {
				signatures, ours := c.made[made.name]
				labels := made.labels(language == "swift")
				if !ours || made.name+"("+labels+")" == c.own {
					continue
				}
				if n++; !slices.Contains(signatures, labels) {
					t.Errorf("%s(%s) is called, and gobind makes it with %q", made.name, strings.Join(made.args, ", "), signatures)
				}
			}
			if n < c.want {
				t.Errorf("only %d calls of ours were found", n)
			}
		})
	}
}

// called is a call, or the declaration of what is called.
type called struct {
	name string
	args []string
}

// labels are the arguments' labels, each with a colon; one without has the colon alone.
func (c called) labels(named bool) (all string) {
	for _, arg := range c.args {
		label := regexp.MustCompile(`^(\w+)(?: \w+)?:`).FindStringSubmatch(arg)
		if named && label != nil && label[1] != "_" {
			all += label[1]
		}
		all += ":"
	}
	return all
}

// calls are all that a snippet has, but for the functions of the app's own that it declares.
func calls(snippet string) (all []called) {
	for _, at := range regexp.MustCompile(`(?m)(?:(override )?(fun) )?\b(\w+)\(`).FindAllStringSubmatchIndex(snippet, -1) {
		if at[4] >= 0 && at[2] < 0 {
			continue
		}
		all = append(all, called{snippet[at[6]:at[7]], arguments(snippet[at[1]:])})
	}
	return all
}

// arguments are those up to the closing parenthesis.
func arguments(text string) (all []string) {
	depth, begin := 0, 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("([{", r):
			depth++
		case r == ',' && depth == 0:
			all, begin = append(all, strings.TrimSpace(text[begin:i])), i+1
		case strings.ContainsRune(")]}", r):
			if depth--; depth >= 0 {
				continue
			}
			if last := strings.TrimSpace(text[begin:i]); last != "" {
				all = append(all, last)
			}
			return all
		}
	}
	return all
}

// javaSignatures are the methods and constructors in Java classes, with a colon for each argument.
func javaSignatures(classes string) map[string][]string {
	made := map[string][]string{}
	for _, found := range regexp.MustCompile(`public [^\n(;=]*?\b(\w+)\(([^)]*)\)`).FindAllStringSubmatch(classes, -1) {
		n := 0
		if strings.TrimSpace(found[2]) != "" {
			n = 1 + strings.Count(found[2], ",")
		}
		made[found[1]] = append(made[found[1]], strings.Repeat(":", n))
	}
	return made
}

// swiftSignatures are the functions, methods and initialisers in an Objective-C header as Swift calls them, with the labels of
// their arguments: the first has none, and the error is thrown.
func swiftSignatures(header string) map[string][]string {
	made := map[string][]string{}
	class := ""
	for line := range strings.Lines(header) {
		if found := regexp.MustCompile(`^@interface (\w+)`).FindStringSubmatch(line); found != nil {
			class = found[1]
		}
		if found := regexp.MustCompile(`^FOUNDATION_EXPORT .*?(\w+)\((.*)\);`).FindStringSubmatch(line); found != nil {
			n := strings.Count(found[2], ",") + 1
			if found[2] == "void" {
				n = 0
			}
			made[found[1]] = append(made[found[1]], strings.Repeat(":", n))
		}
		method := regexp.MustCompile(`^- \([^)]*\)(\w+)(.*);`).FindStringSubmatch(line)
		if method == nil {
			continue
		}
		name, labels := method[1], ""
		for n, part := range regexp.MustCompile(`(\w*):\(([^)]*)\)\w+`).FindAllStringSubmatch(method[2], -1) {
			kind := regexp.MustCompile(`Mobile(\w+)`).FindStringSubmatch(part[2])
			switch {
			case strings.HasPrefix(part[2], "NSError*"):
				continue
			case n == 0 && kind != nil && name != kind[1]:
				name = strings.TrimSuffix(name, kind[1])
			}
			labels += part[1] + ":"
		}
		if name == "init" {
			name = class
		}
		made[name] = append(made[name], labels)
	}
	return made
}
