package socketio

import (
	"errors"
	"reflect"
	"testing"
)

var events = []struct {
	data string
	name string
	args []string
}{
	{`["foo"]`, "foo", nil},
	{`["join",["a","é"]]`, "join", []string{`["a","é"]`}},
	{`["x.y",1,null,"q"]`, "x.y", []string{"1", "null", `"q"`}},
	{`["baz",{"_placeholder":true,"num":0}]`, "baz", []string{`{"_placeholder":true,"num":0}`}},
	{`["a",true,-1.5e3,{},[],""]`, "a", []string{"true", "-1.5e3", "{}", "[]", `""`}},
	{"[ \"a\" ,\t{ \"b\" : [ 1 , 2 ] }\r\n, 3 ] ", "a", []string{`{ "b" : [ 1 , 2 ] }`, "3"}},
	{`["a\"],[","]}\\",["\\\"",{"]":"["}]]`, `a"],[`, []string{`"]}\\"`, `["\\\"",{"]":"["}]`}},
	{`["\u006aoin"]`, "join", nil},
	{`["\ud83d\ude00"]`, "😀", nil},
	{`[""]`, "", nil},
	{`[7,"a"]`, "7", []string{`"a"`}},
	{`[-1]`, "-1", nil},
}

func TestDecodeEvent(t *testing.T) {
	t.Parallel()
	for _, tt := range events {
		name, args, err := DecodeEvent([]byte(tt.data))
		if err != nil || name != tt.name || len(args) != len(tt.args) || len(args) > 0 && !reflect.DeepEqual(args, raw(tt.args...)) {
			t.Errorf("DecodeEvent(%s) = %q, %q, %v; want %q, %q", tt.data, name, args, err, tt.name, tt.args)
		}
	}
}

func TestDecodeEventRefuses(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]error{
		``:                    ErrPayload,
		`[]`:                  ErrPayload,
		`[ ]`:                 ErrPayload,
		`{}`:                  ErrPayload,
		`"a"`:                 ErrPayload,
		`[null]`:              ErrPayload,
		`[true]`:              ErrPayload,
		`[["a"]]`:             ErrPayload,
		`[{"a":1}]`:           ErrPayload,
		`["a"`:                ErrPayload,
		`["a",]`:              ErrPayload,
		`["a"]["b"]`:          ErrPayload,
		`["a" "b"]`:           ErrPayload,
		"[\"a\x00\"]":         ErrPayload,
		`["connect"]`:         ErrReservedEvent,
		`["connect_error",1]`: ErrReservedEvent,
		`["disconnect"]`:      ErrReservedEvent,
		`["disconnecting"]`:   ErrReservedEvent,
		`["newListener"]`:     ErrReservedEvent,
		`["removeListener"]`:  ErrReservedEvent,
	} {
		if _, _, err := DecodeEvent([]byte(data)); !errors.Is(err, want) {
			t.Errorf("DecodeEvent(%q) = %v, want %v", data, err, want)
		}
	}
}

func TestDecodeEventAliasesDataWithoutRoomToGrow(t *testing.T) {
	t.Parallel()
	data := []byte(`["a",1,2]`)
	_, args, err := DecodeEvent(data)
	if err != nil || &args[0][0] != &data[5] {
		t.Fatalf("argument is a copy (err %v)", err)
	}
	_ = append(args[0], "999"...)
	if string(data) != `["a",1,2]` {
		t.Errorf("appending to an argument changed its neighbours: %s", data)
	}
}
