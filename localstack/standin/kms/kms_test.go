package kms_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"zapas/localstack/standin/kms"
)

const alias = "alias/vault"

// direct is an HTTP client that calls a server without a socket.
type direct struct{ *kms.Server }

func (d direct) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func config(dir string) kms.Config {
	return kms.Config{Dir: dir, Account: "000000000000", Region: "eu-central-1", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

type stack struct {
	server *kms.Server
	client *awskms.Client
	arn    string // of alias
}

func open(t *testing.T, dir string) *stack {
	t.Helper()
	s, err := kms.Open(config(dir))
	if err != nil {
		t.Fatal(err)
	}
	st := &stack{server: s}
	st.client = awskms.NewFromConfig(aws.Config{
		Region: "eu-central-1", HTTPClient: direct{s}, BaseEndpoint: aws.String("http://kms.test"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	})
	st.arn = st.create(t, alias)
	return st
}

func (st *stack) create(t *testing.T, alias string) string {
	t.Helper()
	arn, err := st.server.CreateKey(alias)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func (st *stack) wrap(t *testing.T, key string, context map[string]string) []byte {
	t.Helper()
	out, err := st.client.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: aws.String(key), KeySpec: types.DataKeySpecAes256, EncryptionContext: context,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.CiphertextBlob
}

func (st *stack) decrypt(t *testing.T, blob []byte, context map[string]string, key string) (*awskms.DecryptOutput, error) {
	t.Helper()
	in := &awskms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context}
	if key != "" {
		in.KeyId = aws.String(key)
	}
	return st.client.Decrypt(t.Context(), in)
}

func vaultContext() map[string]string {
	return map[string]string{"app": "zapas", "tenant": "t", "user": "u", "v": "1"}
}

// wantCode checks an error's code; "" is none.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case err == nil && code == "":
	case !errors.As(err, &api) || api.ErrorCode() != code:
		t.Fatalf("got %v, want code %q", err, code)
	}
}

func TestDecrypt(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	other := st.create(t, "alias/other")
	id := st.arn[strings.LastIndex(st.arn, "/")+1:]
	blob := st.wrap(t, alias, vaultContext())
	with := func(name, value string) map[string]string {
		c := vaultContext()
		c[name] = value
		return c
	}
	without := func(name string) map[string]string {
		c := vaultContext()
		delete(c, name)
		return c
	}
	for name, c := range map[string]struct {
		context map[string]string
		key     string
		code    string
	}{
		"SameContext":      {vaultContext(), "", ""},
		"ByID":             {vaultContext(), id, ""},
		"ByARN":            {vaultContext(), st.arn, ""},
		"ByAlias":          {vaultContext(), alias, ""},
		"ByAliasARN":       {vaultContext(), strings.Replace(st.arn, "key/"+id, alias, 1), ""},
		"OtherValue":       {with("user", "v"), "", "InvalidCiphertextException"},
		"LetterCase":       {with("user", "U"), "", "InvalidCiphertextException"},
		"AddedPair":        {with("more", ""), "", "InvalidCiphertextException"},
		"MissingPair":      {without("v"), "", "InvalidCiphertextException"},
		"MovedBoundary":    {func() map[string]string { c := without("v"); c["v1"] = ""; return c }(), "", "InvalidCiphertextException"},
		"SwappedValues":    {func() map[string]string { c := with("user", "t"); c["tenant"] = "u"; return c }(), "", "InvalidCiphertextException"},
		"NoContext":        {nil, "", "InvalidCiphertextException"},
		"OtherKey":         {vaultContext(), other, "IncorrectKeyException"},
		"OtherKeyByAlias":  {vaultContext(), "alias/other", "IncorrectKeyException"},
		"UnknownAlias":     {vaultContext(), "alias/none", "NotFoundException"},
		"UnknownID":        {vaultContext(), "00000000-0000-4000-8000-000000000000", "NotFoundException"},
		"OtherRegion":      {vaultContext(), strings.Replace(st.arn, "eu-central-1", "eu-west-1", 1), "NotFoundException"},
		"OtherAccount":     {vaultContext(), strings.Replace(st.arn, "000000000000", "000000000001", 1), "NotFoundException"},
		"Nonsense":         {vaultContext(), "key/" + id, "NotFoundException"},
		"TooLongID":        {vaultContext(), strings.Repeat("k", 2049), "ValidationException"},
		"LongestUnknownID": {vaultContext(), strings.Repeat("k", 2048), "NotFoundException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := st.decrypt(t, blob, c.context, c.key)
			wantCode(t, err, c.code)
			if c.code == "" && (len(out.Plaintext) != 32 || *out.KeyId != st.arn || out.EncryptionAlgorithm != types.EncryptionAlgorithmSpecSymmetricDefault) {
				t.Fatalf("got %+v", out)
			}
		})
	}
}

func TestTamperedCiphertext(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	blob := st.wrap(t, alias, vaultContext())
	if err := st.server.Rotate(alias); err != nil { // so that another version is there to be named
		t.Fatal(err)
	}
	for _, key := range []string{"", alias} {
		for i := range blob {
			bad := slices.Clone(blob)
			bad[i] ^= 1 << (i % 8)
			if i == 20 {
				bad[i] = 2 // the version, to one that exists
			}
			_, err := st.decrypt(t, bad, vaultContext(), key)
			wantCode(t, err, "InvalidCiphertextException")
			if i > 0 {
				_, err = st.decrypt(t, blob[:i], vaultContext(), key)
				wantCode(t, err, "InvalidCiphertextException")
			}
		}
		_, err := st.decrypt(t, append(slices.Clone(blob), 0), vaultContext(), key)
		wantCode(t, err, "InvalidCiphertextException")
	}
	_, err := st.decrypt(t, make([]byte, 6144), nil, "")
	wantCode(t, err, "InvalidCiphertextException")
	_, err = st.decrypt(t, make([]byte, 6145), nil, "")
	wantCode(t, err, "ValidationException")
}

func TestCiphertextHidesTheKey(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	one, two := st.wrap(t, alias, nil), st.wrap(t, alias, nil)
	out, err := st.decrypt(t, one, nil, "")
	if err != nil || bytes.Contains(one, out.Plaintext[:8]) {
		t.Fatalf("the ciphertext shows the data key, or %v", err)
	}
	other, err := st.decrypt(t, two, map[string]string{}, "")
	if err != nil || bytes.Equal(out.Plaintext, other.Plaintext) || bytes.Equal(one, two) {
		t.Fatalf("two data keys are the same, or %v", err)
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	long := func(n int) map[string]string { return map[string]string{"k": strings.Repeat("v", n-1)} }
	for name, c := range map[string]struct {
		in     awskms.GenerateDataKeyWithoutPlaintextInput
		length int
		code   string
	}{
		"AES256":         {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256"}, 32, ""},
		"AES128":         {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_128"}, 16, ""},
		"OtherSpec":      {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_512"}, 0, "ValidationException"},
		"OneByte":        {awskms.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: aws.Int32(1)}, 1, ""},
		"1024Bytes":      {awskms.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: aws.Int32(1024)}, 1024, ""},
		"NoBytes":        {awskms.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: aws.Int32(0)}, 0, "ValidationException"},
		"1025Bytes":      {awskms.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: aws.Int32(1025)}, 0, "ValidationException"},
		"SpecAndBytes":   {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256", NumberOfBytes: aws.Int32(32)}, 0, "ValidationException"},
		"NoLength":       {awskms.GenerateDataKeyWithoutPlaintextInput{}, 0, "ValidationException"},
		"UnknownKey":     {awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String("alias/none"), KeySpec: "AES_256"}, 0, "NotFoundException"},
		"LongestContext": {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256", EncryptionContext: long(8192)}, 32, ""},
		"LongerContext":  {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256", EncryptionContext: long(8193)}, 0, "ValidationException"},
		"DryRun":         {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256", DryRun: aws.Bool(true)}, 0, "UnknownOperationException"},
		"GrantTokens":    {awskms.GenerateDataKeyWithoutPlaintextInput{KeySpec: "AES_256", GrantTokens: []string{"g"}}, 0, "UnknownOperationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.in.KeyId == nil {
				c.in.KeyId = aws.String(alias)
			}
			out, err := st.client.GenerateDataKeyWithoutPlaintext(t.Context(), &c.in)
			wantCode(t, err, c.code)
			if c.code != "" {
				return
			}
			got, err := st.decrypt(t, out.CiphertextBlob, c.in.EncryptionContext, "")
			if err != nil || len(got.Plaintext) != c.length || *out.KeyId != st.arn {
				t.Fatalf("got %d bytes of %s, %v", len(got.Plaintext), *out.KeyId, err)
			}
		})
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for state, code := range map[kms.State]string{
		kms.Disabled: "DisabledException", kms.PendingDeletion: "KMSInvalidStateException", kms.Enabled: "",
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			st := open(t, dir)
			blob := st.wrap(t, alias, nil)
			if err := st.server.SetState(alias, state); err != nil {
				t.Fatal(err)
			}
			for _, st := range []*stack{st, open(t, dir)} { // the state survives a restart
				_, err := st.decrypt(t, blob, nil, "")
				wantCode(t, err, code)
				_, err = st.client.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: &st.arn, KeySpec: "AES_256"})
				wantCode(t, err, code)
			}
		})
	}
	st := open(t, t.TempDir())
	if err := st.server.SetState("alias/none", kms.Disabled); err == nil {
		t.Fatal("a key that does not exist was disabled")
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := open(t, dir)
	before := st.wrap(t, alias, vaultContext())
	if err := st.server.Rotate(st.arn); err != nil {
		t.Fatal(err)
	}
	st = open(t, dir)
	after := st.wrap(t, alias, vaultContext())
	if bytes.Equal(before[:21], after[:21]) {
		t.Fatal("the key has no new version")
	}
	for _, blob := range [][]byte{before, after} {
		_, err := st.decrypt(t, blob, vaultContext(), alias)
		wantCode(t, err, "")
	}
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := open(t, dir)
	blob := st.wrap(t, alias, nil)
	st = open(t, dir)
	if _, err := st.decrypt(t, blob, nil, st.arn); err != nil {
		t.Fatalf("after a restart the alias has another key: %v", err)
	}
	arns := make([]string, 8)
	var wg sync.WaitGroup
	for i := range arns {
		wg.Go(func() { arns[i], _ = st.server.CreateKey("alias/raced") })
	}
	wg.Wait()
	if len(slices.Compact(arns)) != 1 || !strings.HasPrefix(arns[0], "arn:aws:kms:eu-central-1:000000000000:key/") || arns[0] == st.arn {
		t.Fatalf("got %q", arns)
	}
	for _, name := range []string{"", "vault", "alias/", "alias/aws/s3", "alias/a b", "alias/" + strings.Repeat("a", 251)} {
		if _, err := st.server.CreateKey(name); err == nil {
			t.Errorf("the alias %q was accepted", name)
		}
	}
	st.create(t, "alias/"+strings.Repeat("a", 250))

	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v, want the key file alone", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file has the mode %v, %v", info.Mode(), err)
	}
}

// TestCreate: keys that are given their ids are made once, and told apart by more than those.
func TestCreate(t *testing.T) {
	t.Parallel()
	const one, two = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	dir := t.TempDir()
	st := open(t, dir)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := st.server.Create(one, two); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first := st.server.Fingerprint(one)
	if first == "" || first == st.server.Fingerprint(two) || st.server.Fingerprint("33333333-3333-4333-8333-333333333333") != "" {
		t.Errorf("the fingerprint is %q", first)
	}
	if err := st.server.Rotate(one); err != nil || st.server.Fingerprint(one) != first {
		t.Errorf("a new version makes it another key: %v", err)
	}
	if st = open(t, dir); st.server.Fingerprint(one) != first {
		t.Error("after a restart it is another key")
	}
	if open(t, t.TempDir()).server.Fingerprint(one) != "" || st.server.Create("vault") == nil {
		t.Error("a key is there that nobody made, or has an id that is none")
	}
	other := open(t, t.TempDir())
	if err := other.server.Create(one); err != nil || other.server.Fingerprint(one) == first {
		t.Errorf("two keys that bear one id are one: %v", err)
	}
}

func TestKeyFileThatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	path := filepath.Join(dir, "keys.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"Empty":       "",
		"CutShort":    string(good[:len(good)/2]),
		"Trailing":    string(good) + "x",
		"OtherSecret": changed(string(good)),
		"ShortSecret": strings.Replace(string(good), "=\"", "\"", 1),
		"NoVersion":   `{"keys":[{"id":"00000000-0000-4000-8000-000000000000","created":"2026-01-01T00:00:00Z","state":"Enabled","versions":[]}],"aliases":{}}`,
		"ShortKey":    `{"keys":[{"id":"00000000-0000-4000-8000-000000000000","created":"2026-01-01T00:00:00Z","state":"Enabled","versions":["AAAA"]}],"aliases":{}}`,
		"LostKey":     `{"keys":[],"aliases":{"alias/vault":"00000000-0000-4000-8000-000000000000"}}`,
		"Unknown":     `{"keys":[],"aliases":{},"more":1}`,
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := kms.Open(config(dir)); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != bad {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// changed turns a character of the first secret into another one of base64.
func changed(ring string) string {
	at := strings.Index(ring, "=\"") - 40
	other := byte('A')
	if ring[at] == other {
		other = 'B'
	}
	return ring[:at] + string(other) + ring[at+1:]
}

func TestKeyThatCannotBeSavedIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kms")
	st := open(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := st.server.CreateKey("alias/second"); err == nil || !strings.Contains(err.Error(), "stays as it was") {
		t.Fatalf("got %v", err)
	}
	_, err := st.client.GenerateDataKeyWithoutPlaintext(t.Context(), &awskms.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String("alias/second"), KeySpec: "AES_256"})
	wantCode(t, err, "NotFoundException")
}

func TestWire(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	const generate = "TrentService.GenerateDataKeyWithoutPlaintext"
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		code, names          string
	}{
		"OtherOperation":  {"POST", "TrentService.Encrypt", "{}", 501, "UnknownOperationException", "Encrypt"},
		"WithPlaintext":   {"POST", "TrentService.GenerateDataKey", "{}", 501, "UnknownOperationException", "GenerateDataKey"},
		"OtherService":    {"POST", "DynamoDB_20120810.GetItem", "{}", 400, "UnknownOperationException", ""},
		"Get":             {"GET", generate, "{}", 400, "UnknownOperationException", ""},
		"UnknownMember":   {"POST", generate, `{"KeyId":"alias/vault","KeySpec":"AES_256","KeyPairSpec":"RSA"}`, 501, "UnknownOperationException", ""},
		"OtherLetterCase": {"POST", generate, `{"keyId":"alias/vault","KeySpec":"AES_256"}`, 501, "UnknownOperationException", ""},
		"NotJSON":         {"POST", generate, `KeyId=alias/vault`, 400, "SerializationException", ""},
		"Twice":           {"POST", generate, `{"KeyId":"alias/vault","KeyId":"alias/vault","KeySpec":"AES_256"}`, 400, "SerializationException", ""},
		"WrongType":       {"POST", generate, `{"KeyId":"alias/vault","NumberOfBytes":"32"}`, 400, "SerializationException", ""},
		"Trailing":        {"POST", generate, `{"KeyId":"alias/vault","KeySpec":"AES_256"}{}`, 400, "SerializationException", ""},
		"TooLong":         {"POST", generate, `{"KeyId":"` + strings.Repeat("k", 1<<20) + `"}`, 400, "SerializationException", ""},
		"NoKey":           {"POST", generate, `{"KeySpec":"AES_256"}`, 400, "ValidationException", "keyId"},
		"EmptyKey":        {"POST", generate, `{"KeyId":"","KeySpec":"AES_256"}`, 400, "ValidationException", "keyId"},
		"NullInContext":   {"POST", generate, `{"KeyId":"alias/vault","KeySpec":"AES_256","EncryptionContext":{"a":null}}`, 400, "ValidationException", "encryptionContext"},
		"NoBlob":          {"POST", "TrentService.Decrypt", `{}`, 400, "ValidationException", "ciphertextBlob"},
		"EmptyBlob":       {"POST", "TrentService.Decrypt", `{"CiphertextBlob":""}`, 400, "ValidationException", "ciphertextBlob"},
		"NotBase64":       {"POST", "TrentService.Decrypt", `{"CiphertextBlob":"*"}`, 400, "SerializationException", ""},
		"RSA":             {"POST", "TrentService.Decrypt", `{"CiphertextBlob":"AAAA","EncryptionAlgorithm":"RSAES_OAEP_SHA_1"}`, 400, "InvalidKeyUsageException", ""},
		"OtherAlgorithm":  {"POST", "TrentService.Decrypt", `{"CiphertextBlob":"AAAA","EncryptionAlgorithm":"ROT13"}`, 400, "ValidationException", ""},
		"DryRun":          {"POST", generate, `{"KeyId":"alias/vault","KeySpec":"AES_256","DryRun":true}`, 501, "UnknownOperationException", "DryRun"},
		"GrantToken":      {"POST", generate, `{"KeyId":"alias/vault","KeySpec":"AES_256","GrantTokens":["g"]}`, 501, "UnknownOperationException", "GrantTokens"},
		"Enclave":         {"POST", "TrentService.Decrypt", `{"CiphertextBlob":"AAAA","Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}}`, 501, "UnknownOperationException", "Recipient"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "/", strings.NewReader(c.body))
			r.Header.Set("X-Amz-Target", c.target)
			w := httptest.NewRecorder()
			st.server.ServeHTTP(w, r)
			if body := w.Body.String(); w.Code != c.status || !strings.Contains(body, fmt.Sprintf("%q", c.code)) || !strings.Contains(body, c.names) {
				t.Fatalf("got %d %s, want %d %s", w.Code, body, c.status, c.code)
			}
			if got := w.Header().Get("Content-Type"); got != "application/x-amz-json-1.1" {
				t.Fatalf("the content type is %s", got)
			}
		})
	}
}

func TestContextOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	names := slices.Sorted(maps.Keys(vaultContext()))
	blob := st.wrap(t, alias, vaultContext())
	for range len(names) {
		names = append(names[1:], names[0])
		var pairs []string
		for _, name := range names {
			pairs = append(pairs, fmt.Sprintf("%q:%q", name, vaultContext()[name]))
		}
		body := fmt.Sprintf(`{"CiphertextBlob":"%s","EncryptionContext":{%s}}`, base64.StdEncoding.EncodeToString(blob), strings.Join(pairs, ","))
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("X-Amz-Target", "TrentService.Decrypt")
		w := httptest.NewRecorder()
		st.server.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%v: got %d %s", names, w.Code, w.Body)
		}
	}
}
