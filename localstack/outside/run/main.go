// Command run plays Zapas on data services elsewhere: on what AWS_ENDPOINT_URL names, LocalStack if it names nothing, or on
// AWS itself. It does not know what is played.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"zapas/localstack/build"
	"zapas/localstack/outside"
)

// settle is longer than any change takes to be seen; the slowest is that of a key's state in AWS KMS.
const settle = 30 * time.Second

func main() {
	onAWS := flag.Bool("aws", false, "play on AWS itself, in the account of the credentials")
	caller := flag.String("caller", "", "with -aws: the ARN of the role or user to whom the credentials belong")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "run [-aws -caller ARN] [STORY]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *onAWS, *caller, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "outside: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, onAWS bool, caller string, names []string, out io.Writer) (err error) {
	root, err := build.Root()
	if err != nil {
		return err
	}
	stories, err := named(root, names)
	if err != nil {
		return err
	}
	target, err := account(ctx, caller)
	if !onAWS {
		target, err = emulator(ctx, root, out)
	}
	if err != nil {
		return err
	}
	prefix := "zapas-outside-" + strings.ToLower(rand.Text()[:10])
	if onAWS {
		fmt.Fprintf(out, "Account %s, region %s, as %s. For each of %d stories this makes two keys of KMS, four buckets and four tables, all called %s-..., some thousand requests, and removes them;\n"+
			"the keys after a week. It costs less than 1 USD.\n", strings.Split(caller, ":")[4], target.Config.Region, caller, len(stories), prefix)
	}
	dir, err := os.MkdirTemp("", "zapas-outside-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nwhat the functions said is in %s", err, dir)
			return
		}
		err = os.RemoveAll(dir)
	}()
	fmt.Fprintln(out, "Compiling the functions and a phone")
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	programs, err := build.All(ctx, root, bin)
	if err != nil {
		return err
	}
	return outside.Run{Target: target, Prefix: prefix, Programs: programs, Stories: stories, Dir: dir, Out: out, Now: time.Now}.Play(ctx)
}

// named are the stories of those names, or all.
func named(root string, names []string) (files []string, err error) {
	folder := filepath.Join(root, "functions", "testdata", "story")
	if len(names) == 0 {
		return filepath.Glob(filepath.Join(folder, "*.txt"))
	}
	for _, name := range names {
		file := filepath.Join(folder, strings.TrimSuffix(name, ".txt")+".txt")
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("there is no story %s: see %s", name, folder)
		}
		files = append(files, file)
	}
	return files, nil
}

// account is AWS itself.
func account(ctx context.Context, caller string) (outside.Target, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	switch {
	case err != nil:
		return outside.Target{}, fmt.Errorf("the AWS settings cannot be read: %w", err)
	case cfg.BaseEndpoint != nil:
		return outside.Target{}, errors.New("AWS_ENDPOINT_URL names somebody who stands in for AWS: unset it, or run without -aws")
	case cfg.Region == "":
		return outside.Target{}, errors.New("no AWS region is set: set AWS_REGION")
	case !strings.Contains(caller, ":iam:"):
		return outside.Target{}, fmt.Errorf("%q is not the ARN of a role or a user: say with -caller to whom the credentials belong", caller)
	}
	return outside.Target{Config: cfg, Caller: caller, Settle: settle}, nil
}

// here is where LocalStack listens.
const here = "http://127.0.0.1:4566"

// emulator is what AWS_ENDPOINT_URL names, or LocalStack. Its settings are the environment's alone: it is never given the
// credentials of an account that a profile names.
func emulator(ctx context.Context, root string, out io.Writer) (outside.Target, error) {
	set, err := config.NewEnvConfig()
	if err != nil {
		return outside.Target{}, fmt.Errorf("the AWS settings in the environment cannot be read: %w", err)
	}
	endpoint := cmp.Or(set.BaseEndpoint, here)
	docker, err := exec.LookPath("docker")
	if err != nil {
		docker = ""
	}
	if err := ready(ctx, endpoint, docker, filepath.Join(root, "localstack", "compose.yaml"), out); err != nil {
		return outside.Target{}, err
	}
	own := set.Credentials
	if !own.HasKeys() {
		own = aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"} // with which alone LocalStack checks presigned URLs
	}
	cfg := aws.Config{Region: cmp.Or(set.Region, "eu-central-1"), BaseEndpoint: &endpoint,
		Credentials: credentials.StaticCredentialsProvider{Value: own}}
	return outside.Target{Config: cfg, Caller: outside.Root, Settle: settle}, nil
}
