package description

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at finds a value in a tree; nil if there is none.
func at(tree any, path ...string) any {
	for _, key := range path {
		object, _ := tree.(map[string]any)
		tree = object[key]
	}
	return tree
}

func read(t *testing.T, d *Document) map[string]any {
	t.Helper()
	tree, err := d.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// words are the constants of a type in a file of shared/contract.
func words(t *testing.T, file, kind string) []string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), "../../../shared/contract/"+file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(syntax, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		of, typed := spec.Type.(*ast.Ident)
		literal, plain := any(nil), false
		if len(spec.Values) == 1 {
			literal, plain = spec.Values[0], true
		}
		if text, is := literal.(*ast.BasicLit); plain && is && typed && of.Name == kind {
			word, err := strconv.Unquote(text.Value)
			if err != nil {
				t.Error(err)
			}
			found = append(found, word)
		}
		return true
	})
	if len(found) < 10 {
		t.Fatalf("only %q were found", found)
	}
	slices.Sort(found)
	return found
}

func TestEveryCodeOfAnErrorIsDescribedWithItsStatus(t *testing.T) {
	t.Parallel()
	tree := read(t, OpenAPI())
	listed, _ := at(tree, "components", "schemas", "Fault", "properties", "code", "enum").([]any)
	var described []string
	for _, word := range listed {
		text, _ := word.(string)
		described = append(described, text)
	}
	slices.Sort(described)
	if want := words(t, "fault.go", "Code"); !slices.Equal(described, want) {
		t.Errorf("the codes are %q, described are %q", want, described)
	}
	answers, _ := at(tree, "components", "responses").(map[string]any)
	shown := map[string]bool{}
	for name, answer := range answers {
		code, is := at(answer, "content", "application/json", "example", "code").(string)
		if !is {
			continue
		}
		shown[code] = true
		for _, status := range used(tree, "#/components/responses/"+name) {
			if status != strconv.Itoa(contract.Code(code).HTTPStatus()) {
				t.Errorf("%s with the code %s stands at the status %s", name, code, status)
			}
		}
	}
	for _, code := range described {
		if !shown[code] {
			t.Errorf("no answer shows the code %s", code)
		}
	}
}

// used are the statuses at which operations have an answer.
func used(tree map[string]any, reference string) (statuses []string) {
	each(tree, func(_, _ string, operation map[string]any) {
		answers, _ := operation["responses"].(map[string]any)
		for status, answer := range answers {
			if at(answer, "$ref") == reference {
				statuses = append(statuses, status)
			}
		}
	})
	return statuses
}

func each(tree map[string]any, visit func(path, method string, operation map[string]any)) {
	paths, _ := tree["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for method, operation := range operations {
			described, _ := operation.(map[string]any)
			visit(path, method, described)
		}
	}
}

func TestEveryReasonOfAnEndIsDescribedWithItsCode(t *testing.T) {
	t.Parallel()
	listed, _ := at(read(t, AsyncAPI()), "components", "schemas", "CloseReason", "oneOf").([]any)
	var described []string
	for _, one := range listed {
		word, _ := at(one, "const").(string)
		described = append(described, word)
		if code := contract.Reason(word).CloseCode(); at(one, "x-code") != code {
			t.Errorf("%s is described with %v, and has %d", word, at(one, "x-code"), code)
		}
	}
	slices.Sort(described)
	if want := words(t, "reason.go", "Reason"); !slices.Equal(described, want) {
		t.Errorf("the reasons are %q, described are %q", want, described)
	}
}

// Every type of an object and every event that the words of shared/contract have.
func TestEveryTypeAndEventIsDescribed(t *testing.T) {
	t.Parallel()
	tree := read(t, AsyncAPI())
	types := map[string]bool{}
	schemas, _ := at(tree, "components", "schemas").(map[string]any)
	for _, schema := range schemas {
		if kind, is := at(schema, "properties", "type", "const").(string); is {
			types[kind] = true
		}
	}
	for _, kind := range []string{
		contract.TypeMessage, contract.TypeEdit, contract.TypeDelete, contract.TypeMissed, contract.TypePresence, contract.TypeUserState,
	} {
		if !types[kind] {
			t.Errorf("objects of the type %s are not described", kind)
		}
	}
	for _, event := range []string{
		contract.EventUserConnect, contract.EventUserDisconnect, contract.EventPresenceJoin, contract.EventPresenceLeave, contract.EventUserStatus,
	} {
		if at(tree, "channels", "socketio", "messages", event) == nil {
			t.Errorf("the event %s is not described", event)
		}
	}
}

func TestEveryOperationSaysWhatItIsAndShowsIt(t *testing.T) {
	t.Parallel()
	tree := read(t, OpenAPI())
	ids := map[any]string{}
	each(tree, func(path, method string, operation map[string]any) {
		what := method + " " + path
		if operation["summary"] == nil || operation["tags"] == nil {
			t.Errorf("%s has no summary, or no tag", what)
		}
		if id := operation["operationId"]; id == nil || ids[id] != "" {
			t.Errorf("%s and %s are both called %v", what, ids[id], id)
		}
		ids[operation["operationId"]] = what
		if body := operation["requestBody"]; body != nil && !shows(at(body, "content")) {
			t.Errorf("%s shows no request", what)
		}
		answers, _ := operation["responses"].(map[string]any)
		for status, answer := range answers {
			if reference, is := at(answer, "$ref").(string); is {
				answer = at(tree, "components", "responses", reference[len("#/components/responses/"):])
			}
			if content := at(answer, "content"); content != nil && !shows(content) {
				t.Errorf("%s shows no answer %s", what, status)
			}
		}
		parameters, _ := operation["parameters"].([]any)
		for _, parameter := range parameters {
			if at(parameter, "$ref") == nil && (at(parameter, "example") == nil || at(parameter, "description") == nil) {
				t.Errorf("%s does not show %v", what, at(parameter, "name"))
			}
		}
	})
}

// shows says whether every kind of a content has an example.
func shows(content any) bool {
	kinds, _ := content.(map[string]any)
	for _, kind := range kinds {
		if at(kind, "example") == nil && at(kind, "examples") == nil {
			return false
		}
	}
	return len(kinds) > 0
}
