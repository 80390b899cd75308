package gateway_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/gateway"
	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/shared/api"
)

// fleetOf answers the devices with these labels.
func fleetOf(cursor *string, labels ...string) *gateway.API {
	op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[api.DeviceList], err error) {
		for i, label := range labels {
			d := api.Device{Id: id, Label: label, Trust: api.DeviceTrust("active")}
			if i == 0 {
				d.Counts = &api.Counts{"sms": 12345678901}
			}
			out.Body.Devices = append(out.Body.Devices, d)
		}
		out.Body.Cursor = cursor
		return out, nil
	}, "limit", "cursor")
	return open("listDevices", gateway.List(op, "id", "label", "counts.sms", "counts.mms", "label.x"), new(bytes.Buffer))
}

// TestCSV: whatever somebody calls his phone, it is one cell, as he wrote it, and no formula.
func TestCSV(t *testing.T) {
	t.Parallel()
	labels := []string{"Phone", `say "hi", twice`, "a;b", "=1+1", "+48", "-1", "@SUM(A1)", "\tx", "＝1", "Żółw 📱", "", "1=1", `"`, "=", "'quoted"}
	e := gatewaytest.Event("listDevices", "", "limit=9&cursor=b", nil)
	e.Headers["accept"] = "text/csv"
	out := handle(t, fleetOf(new("a/b"), labels...), e)
	if out.StatusCode != 200 || out.Headers["Content-Type"] != "text/csv; charset=utf-8; header=present" ||
		out.Headers["Link"] != `</v1/devices?cursor=a%2Fb&limit=9>; rel="next"` || out.Headers["Cache-Control"] != "no-store" {
		t.Errorf("it is answered with %d %v", out.StatusCode, out.Headers)
	}
	if n := strings.Count(out.Body, "\r\n"); n != len(labels)+1 || strings.Count(out.Body, "\n") != n {
		t.Errorf("there are %d lines in %q", n, out.Body)
	}
	rows, err := csv.NewReader(strings.NewReader(out.Body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"id", "label", "counts.sms", "counts.mms", "label.x"}}
	for i, label := range labels {
		switch i {
		case 3, 4, 5, 6, 7, 8, 13:
			label = "'" + label
		}
		want = append(want, []string{id, label, "", "", ""})
	}
	want[1][2] = "12345678901"
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
	none := gatewaytest.Event("listDevices", "", "", nil)
	none.Headers["accept"] = "text/csv"
	if out := handle(t, fleetOf(nil), none); out.Body != "id,label,counts.sms,counts.mms,label.x\r\n" || out.Headers["Link"] != "" {
		t.Errorf("no devices are answered with %v %q", out.Headers, out.Body)
	}
}

// TestAccept: CSV is for who prefers it, and for lists alone.
func TestAccept(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "text/html,*/*;q=0.8": "application/json",
		"text/csv": "text/csv", "TEXT/CSV": "text/csv", "text/csv, application/json": "application/json", "text/csv, */*;q=0.1": "text/csv",
		"text/csv;q=0": "application/json", "application/json;q=0.5, text/csv;q=0.6": "text/csv", "text/*, application/json;q=0.9": "text/csv",
		"text/*, text/csv;q=0": "application/json", "*/*, application/json;q=0.2": "text/csv", "text/csv; header=present": "text/csv", ",;": "application/json",
		"text/csvx": "application/json",
	} {
		e := gatewaytest.Event("listDevices", "", "", nil)
		e.Headers["accept"] = accept
		if got, _, _ := strings.Cut(handle(t, fleetOf(nil, "Phone"), e).Headers["Content-Type"], ";"); got != want {
			t.Errorf("%q is answered with %s, want %s", accept, got, want)
		}
	}
	e := gatewaytest.Event("getHealth", "", "", nil)
	e.Headers["accept"] = "text/csv"
	op := gateway.Plain(func(context.Context, gateway.Request) (out gateway.Answer[api.Health], err error) { return out, nil })
	if out := handle(t, open("getHealth", op, new(bytes.Buffer)), e); out.Headers["Content-Type"] != "application/json" {
		t.Errorf("what is no list is answered with %v", out.Headers)
	}
}
