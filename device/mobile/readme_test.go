package mobile_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadme holds every name of ours in the snippets against what gobind makes: types, constants and functions, methods that an
// app implements, and members. What is the platform's or the app's own is listed here.
func TestReadme(t *testing.T) {
	t.Parallel()
	files := bindings(t)
	for language, c := range map[string]struct {
		made map[string]bool
		ask  []string // patterns of what must be made
		own  string   // members of the platform, or of the app itself
		want int      // names at least
	}{
		"kotlin": {inKotlin(java(files)), []string{`override fun (\w+)`, `\.(\w+)`, `: (Source|Sink|Signer|Reader|Progress)\b`, `\b(Mobile)\b`},
			"PrivateKeyEntry Sms CONTENT_URI Signature getInstance run security certificate publicKey encoded privateKey query use moveToNext long text openInputStream parse " +
				"readNBytes toInt write message", 60},
		"swift": {inSwift(files["Mobile.objc.h"]), []string{`\b(Mobile\w+)`, `func (\w+)\(_`, `\.(\w+)`},
			"Signing PublicKey derRepresentation takeRetainedValue ecdsaSignatureDigestX962SHA256 identifier givenName familyName phoneNumbers value stringValue append " +
				"localizedDescription key backup", 50},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			code := regexp.MustCompile(`"[^"\n]*"|//[^\n]*|\b0\.\.<|\d\.\d`).ReplaceAllString(snippet(t, language), "")
			own := strings.Fields(c.own)
			names := 0
			for _, ask := range c.ask {
				for _, found := range regexp.MustCompile(ask).FindAllStringSubmatch(code, -1) {
					if name := found[1]; c.made[name] {
						names++
					} else if !slices.Contains(own, name) {
						t.Errorf("gobind makes no %s", name)
					}
				}
			}
			if names < c.want {
				t.Errorf("only %d names of ours were found", names)
			}
		})
	}
}

// snippet is what the page shows in a language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, begins := strings.Cut(string(page), "```"+language+"\n")
	code, _, ends := strings.Cut(code, "\n```")
	if !begins || !ends {
		t.Fatal("there is no snippet")
	}
	return code
}

// java are the classes that gobind makes, one after the other.
func java(files map[string]string) string {
	var all strings.Builder
	for name, text := range files {
		if strings.HasSuffix(name, ".java") && name != "Seq.java" {
			all.WriteString(text)
		}
	}
	return all.String()
}

// inKotlin are the names in Java classes, getters as the properties that Kotlin makes of them.
func inKotlin(classes string) map[string]bool {
	made := map[string]bool{}
	for _, found := range regexp.MustCompile(`public [^\n(;=]*?\b(\w+)( =|\(| implements| \{)`).FindAllStringSubmatch(classes, -1) {
		name := found[1]
		made[name] = true
		if property, ok := strings.CutPrefix(name, "get"); ok {
			made[lower(property)] = true
		}
	}
	for _, found := range regexp.MustCompile(`(?:class|interface) (\w+)`).FindAllStringSubmatch(classes, -1) {
		made[found[1]] = true
	}
	return made
}

// inSwift are the names in an Objective-C header, methods as Swift calls them: without what the type of the first parameter
// says again, and protocols that have a class of the same name with Protocol behind.
func inSwift(header string) map[string]bool {
	made := map[string]bool{}
	for _, found := range regexp.MustCompile(`\b(Mobile\w*)`).FindAllStringSubmatch(header, -1) {
		made[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`@protocol (Mobile\w+) <`).FindAllStringSubmatch(header, -1) {
		if strings.Contains(header, "@interface "+found[1]+" ") {
			made[found[1]+"Protocol"] = true
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^@property .*?(\w+);`).FindAllStringSubmatch(header, -1) {
		made[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`(?m)^- \([^)]*\)(\w+)(?::\((?:id<)?Mobile(\w+))?`).FindAllStringSubmatch(header, -1) {
		name := found[1]
		if short := strings.TrimSuffix(name, found[2]); found[2] != "" && short != "" {
			name = short
		}
		made[name] = true
	}
	return made
}

// TestReadme_Commands: every page that says how to bind says the same.
func TestReadme_Commands(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"README.md", "../README.md", "../../README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands := regexp.MustCompile(`gomobile bind [^\n]*\./device/mobile`).FindAllString(string(text), -1)
		if len(commands) == 0 {
			t.Errorf("%s: no command", page)
		}
		for _, c := range commands {
			if !strings.Contains(c, "-target=android -androidapi 24 ") && !strings.Contains(c, "-target=ios ") {
				t.Errorf("%s: %s", page, c)
			}
		}
	}
}
