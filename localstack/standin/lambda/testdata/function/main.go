// Command function does what its event says, so that its host can be tested.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do      string
	Address string // for meet
	Bytes   int    // for big
	Text    string // for print
}

func main() {
	switch os.Getenv("INIT") {
	case "exit":
		os.Exit(7)
	case "hang":
		forever()
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	switch o.Do {
	case "error":
		return nil, errors.New("this is refused")
	case "panic":
		panic("this cannot be")
	case "exit":
		os.Exit(3)
	case "hang":
		forever()
	case "meet":
		return os.Getpid(), meet(o.Address)
	case "pid":
		return os.Getpid(), nil
	case "env":
		return os.Environ(), nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn,
			"left": time.Until(deadline), "trace": ctx.Value("x-amzn-trace-id"),
		}, nil
	case "big":
		return strings.Repeat("x", o.Bytes), nil
	case "reader":
		return io.MultiReader(strings.NewReader(`"half`), broken{}), nil
	case "print":
		fmt.Fprint(os.Stdout, o.Text)
	}
	return event, nil
}

// meet tells the address that we are here, and stays until it hangs up.
func meet(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	io.Copy(io.Discard, conn)
	return nil
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the source broke off") }
