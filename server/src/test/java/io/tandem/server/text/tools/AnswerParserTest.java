package io.tandem.server.text.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.Seeded;
import io.tandem.server.text.tools.AnswerPart.Call;
import io.tandem.server.text.tools.AnswerPart.Content;
import io.tandem.server.text.tools.AnswerPart.Reasoning;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is found in answers, however they come in pieces. */
class AnswerParserTest {
    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private final Random random = seeded.random();

    /** Parts as text: content as it is, thoughts in braces, calls as name and arguments. */
    private String read(AnswerParser.Settings settings, String answer) {
        String whole = read(settings, List.of(answer));
        for (int i = 0; i < 20; i++) {
            List<String> pieces = new ArrayList<>();
            for (int at = 0; at < answer.length(); ) {
                int end = Math.min(answer.length(), at + 1 + random.nextInt(8));
                pieces.add(answer.substring(at, end));
                at = end;
            }
            assertThat(read(settings, pieces)).isEqualTo(whole);
        }
        return whole;
    }

    private static String read(AnswerParser.Settings settings, List<String> pieces) {
        AnswerParser parser = settings.parser();
        List<AnswerPart> parts = new ArrayList<>();
        pieces.forEach(piece -> parts.addAll(parser.accept(piece)));
        parts.addAll(parser.finish());
        StringBuilder text = new StringBuilder();
        StringBuilder thoughts = new StringBuilder();
        StringBuilder calls = new StringBuilder();
        for (AnswerPart part : parts) {
            if (part instanceof Content content) {
                text.append(content.text());
            } else if (part instanceof Reasoning reasoning) {
                thoughts.append(reasoning.text());
            } else if (part instanceof Call call) {
                calls.append(" ").append(call.name()).append(call.arguments());
            }
        }
        assertThat(parser.calls())
                .isEqualTo((int) parts.stream().filter(Call.class::isInstance).count());
        return (thoughts.isEmpty() ? "" : "(" + thoughts + ")") + text + calls;
    }

    private static AnswerParser.Settings tools(ToolSyntax syntax, boolean inCall) {
        return new AnswerParser.Settings(false, false, Optional.of(syntax), Set.of("f", "g"), inCall);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', textBlock = """
            HERMES ~ just text                                                            ~ just text
            HERMES ~ <tool_call>{"name":"f","arguments":{"a":1}}</tool_call>              ~ ` f{"a":1}`
            HERMES ~ `Wait.\n\n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>\n<tool_call>\n{"name":"g","arguments":{"b":"</x>"}}\n</tool_call>\n` ~ Wait. f{} g{"b":"</x>"}
            HERMES ~ <tool_call>{"name":"f","arguments":{"a":1}}                          ~ ` f{"a":1}`
            HERMES ~ <tool_call>{"name":"f","arguments":{"a":</tool_call>!                ~ <tool_call>{"name":"f","arguments":{"a":</tool_call>!
            HERMES ~ <tool_call>{"name":"unknown","arguments":{}}</tool_call>             ~ <tool_call>{"name":"unknown","arguments":{}}</tool_call>
            HERMES ~ a <tool_ca                                                           ~ a <tool_ca
            HERMES ~ <tool_call>                                                          ~ <tool_call>
            LLAMA3 ~ The answer is {"a":1}                                                ~ The answer is {"a":1}
            LLAMA3 ~ {"name":"f","parameters":{"a":[1,2]}}                                ~ ` f{"a":[1,2]}`
            LLAMA3 ~ <|python_tag|>{"name":"f","parameters":{}}; {"name":"g","parameters":{"c":"}; {"}} ~ ` f{} g{"c":"}; {"}`
            LLAMA3 ~ <|python_tag|>{"name":"f","parameters":{}}; {"name":"g","parameters":{"c":2}} ~ ` f{} g{"c":2}`
            LLAMA3 ~ {"name":"f","parameters":{"a":                                       ~ {"name":"f","parameters":{"a":
            LLAMA3 ~ {"answer":42}                                                        ~ {"answer":42}
            MISTRAL ~ `[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]` ~ ` f{"a":1} g{}`
            MISTRAL ~ `Sure. [TOOL_CALLS][{"name":"f","arguments":{}}]`                   ~ Sure. f{}
            MISTRAL ~ [TOOL_CALLS] nothing                                                ~ [TOOL_CALLS] nothing
            MISTRAL ~ [TOOL_ no                                                           ~ [TOOL_ no
            MISTRAL ~ [TOOL_CALLS]f[ARGS]{"a":1}                                          ~ ` f{"a":1}`
            MISTRAL_ARGS ~ [TOOL_CALLS]f[ARGS]{"a":"[TOOL_CALLS]"}[TOOL_CALLS]g[ARGS]{}   ~ ` f{"a":"[TOOL_CALLS]"} g{}`
            MISTRAL_ARGS ~ `Sure. [TOOL_CALLS]f[CALL_ID]12345abcd[ARGS]{"a": 1}`          ~ Sure. f{"a":1}
            MISTRAL_ARGS ~ `[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}]`          ~ ` f{"a":1}`
            MISTRAL_ARGS ~ [TOOL_CALLS]f[ARGS]{"a":                                       ~ [TOOL_CALLS]f[ARGS]{"a":
            MISTRAL_ARGS ~ [TOOL_CALLS]f[ARGS]5                                           ~ [TOOL_CALLS]f[ARGS]5
            MISTRAL_ARGS ~ [TOOL_CALLS]h[ARGS]{}                                          ~ [TOOL_CALLS]h[ARGS]{}
            MISTRAL_ARGS ~ [TOOL_CALLS]f[ARGS]                                            ~ [TOOL_CALLS]f[ARGS]
            MISTRAL_ARGS ~ [TOOL_CALLS]{}                                                 ~ [TOOL_CALLS]{}
            """)
    void callsAreFoundAndNothingElseIsLost(ToolSyntax syntax, String answer, String expected) {
        assertThat(read(tools(syntax, false), answer.replace("\\n", "\n"))).isEqualTo(expected);
    }

    @Test
    void aCallThatThePromptHasBegunGoesOn() {
        assertThat(read(tools(ToolSyntax.HERMES, true), "{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"))
                .isEqualTo(" f{}");
        assertThat(read(tools(ToolSyntax.LLAMA3, true), "{\"name\": \"f\", \"parameters\": {\"a\": 1}}"))
                .isEqualTo(" f{\"a\":1}");
        assertThat(read(tools(ToolSyntax.MISTRAL_ARGS, true), "f[ARGS]{\"a\": 1}[TOOL_CALLS]g[ARGS]{}"))
                .isEqualTo(" f{\"a\":1} g{}");
        assertThat(read(tools(ToolSyntax.MISTRAL, true), "{\"name\": \"f\", \"arguments\": {}}]"))
                .isEqualTo(" f{}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '~', quoteCharacter = '`', textBlock = """
            false ~ `<think>\nHm, 1 < 2.\n</think>\n\nYes.` ~ `(\nHm, 1 < 2.\n)Yes.`
            false ~ No thoughts, <think> so.               ~ No thoughts, <think> so.
            false ~ <thi                                   ~ <thi
            false ~ <think>never ends</thin                ~ (never ends</thin)
            true  ~ `Hm.</think> Yes.`                     ~ (Hm.)Yes.
            true  ~ only thoughts                          ~ (only thoughts)
            """)
    void thoughtsStandAtTheBeginning(boolean thinking, String answer, String expected) {
        AnswerParser.Settings settings = new AnswerParser.Settings(true, thinking, Optional.empty(), Set.of(), false);
        assertThat(read(settings, answer.replace("\\n", "\n"))).isEqualTo(expected.replace("\\n", "\n"));
    }

    @Test
    void callsFollowThoughts() {
        AnswerParser.Settings settings =
                new AnswerParser.Settings(true, false, Optional.of(ToolSyntax.HERMES), Set.of("f"), false);
        String answer =
                "<think>\nI call <tool_call>.\n</think>\n\n<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>";
        assertThat(read(settings, answer)).isEqualTo("(\nI call <tool_call>.\n) f{}");
    }

    @Test
    void templatesSayWhichFamilyTheyAreOf() {
        assertThat(ToolSyntax.of("{% for m in messages %}{{ m.content }}{% endfor %}"))
                .isEmpty();
        assertThat(ToolSyntax.of("{% if tools %}<tool_call>")).contains(ToolSyntax.HERMES);
        assertThat(ToolSyntax.of("{% if tools is not none %}'[TOOL_CALLS]'")).contains(ToolSyntax.MISTRAL);
        assertThat(ToolSyntax.of("{% if tools %}[TOOL_CALLS]{{ name }}[ARGS]{{ arguments }}"))
                .contains(ToolSyntax.MISTRAL_ARGS);
        assertThat(ToolSyntax.of("{% if tools %}{\"name\": function name, \"parameters\": dictionary}"))
                .contains(ToolSyntax.LLAMA3);
        assertThat(ToolSyntax.of("{% if tools %}{{ tools }}")).isEmpty();
    }
}
