package io.tandem.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.api.ChatMessage;
import io.tandem.server.dataset.Dataset.Pair;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Formats of public datasets, each by the tokens that it is trained with. */
class LineFormatTest extends SmallModelTest {
    private static final String CHAT =
            "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}";

    private int[] rendered(String question, String answer) {
        List<ChatMessage> chat = List.of(new ChatMessage("user", question), new ChatMessage("assistant", answer));
        return model.tokenizer().encode(model.template().render(chat, false), true);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "question_answer#{\"question\":\"q\",\"answer\":\"a\"}",
                "prompt_response#{\"prompt\":\"q\",\"response\":\"a\"}",
                "input_output#{\"input\":\"q\",\"output\":\"a\"}",
                "alpaca#{\"instruction\":\"q\",\"input\":\"\",\"output\":\"a\",\"text\":\"Below is …\"}",
                "alpaca#{\"instruction\":\"q\",\"input\":null,\"output\":\"a\"}",
                "dolly#{\"instruction\":\"q\",\"context\":\"\",\"response\":\"a\",\"category\":\"open_qa\"}",
                "sharegpt#{\"id\":\"x_0\",\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}]}",
                "sharegpt#{\"conversations\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}",
                "chat#{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"weight\":null},{\"role\":\"assistant\",\"content\":\"a\",\"weight\":1.0}]}",
                "chat#{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"name\":\"eve\"},{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":null,\"refusal\":null}],\"tools\":[],\"ability\":null}",
            })
    void becomesAChat(String format, String line) throws IOException {
        Dataset.Supervised dataset = supervised(line);
        assertThat(dataset.examples()).hasSize(1);
        assertThat(dataset.examples().get(0).sequence().tokens()).containsExactly(rendered("q", "a"));
        assertThat(dataset.summary().formats()).isEqualTo(Map.of(format, 1));
        assertThat(dataset.summary().learnedTokens()).isEqualTo(2);
    }

    @Test
    void anAlpacaInputIsBelowItsInstruction() throws IOException {
        assertThat(supervised("{\"instruction\":\"Add\",\"input\":\"1 2\",\"output\":\"3\"}")
                        .examples()
                        .get(0)
                        .sequence()
                        .tokens())
                .containsExactly(rendered("Add\n\n1 2", "3"));
    }

    @Test
    void systemPromptsOfShareGptComeFirst() throws IOException {
        String expected =
                "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q\"},"
                        + "{\"role\":\"assistant\",\"content\":\"a\"}]}";
        String turns = "{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}]";
        for (String line : List.of(
                "{\"system\":\"s\",\"conversations\":[" + turns + "}",
                "{\"conversations\":[{\"from\":\"system\",\"value\":\"s\"}," + turns + "}",
                expected.replace("\"system\"", "\"developer\""))) {
            assertThat(only(line)).containsExactly(only(expected));
        }
    }

    private int[] only(String line) throws IOException {
        return supervised(line).examples().get(0).sequence().tokens();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"prompt\":\"q\",\"chosen\":\"yes\",\"rejected\":\"no\"}",
                "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":\"assistant\",\"content\":\"yes\"}],"
                        + "\"rejected\":[{\"role\":\"assistant\",\"content\":\"no\"}]}",
                "{\"chosen\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"yes\"}],"
                        + "\"rejected\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"no\"}]}",
            })
    void preferencesOfTrlAreThoseOfOpenAi(String line) throws IOException {
        Pair pair = preferences(line).pairs().get(0);
        Pair expected = preferences(PAIR).pairs().get(0);
        assertThat(pair.preferred().tokens())
                .containsExactly(expected.preferred().tokens());
        assertThat(pair.nonPreferred().labels())
                .containsExactly(expected.nonPreferred().labels());
    }

    @Test
    void anEmptyPromptIsNone() throws IOException {
        assertThat(only("{\"prompt\":\"\",\"completion\":\"abc\"}")).containsExactly(only("{\"text\":\"abc\"}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[%s,%s]", "\uFEFF [\n  %s,\n  %s\n]\n", "%s\n\n%s\n", "\n\n%s\n \n%s"})
    void arraysAndBlankLinesAreRead(String file) throws IOException {
        Dataset.Supervised dataset = supervised(file.formatted(CHAT, GOOD));
        assertThat(dataset.summary().formats()).isEqualTo(Map.of("chat", 1, "completion", 1));
    }

    @Test
    void mistakesInArraysNameTheLineAndTheRestIsRead() throws IOException {
        InvalidDataset invalid = invalid("[\n" + GOOD + ",\n{\"prompt\":\"a\"},\n5,\n" + GOOD + "\n]");
        assertThat(invalid.count()).isEqualTo(2);
        assertThat(invalid.reasons().get(0)).startsWith("line 3: has the keys prompt, expected");
        assertThat(invalid.reasons().get(1)).isEqualTo("line 4: is not a JSON object");
        assertThat(invalid.summary().examples()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "[{\"text\":\"a\"}#is not valid JSON",
                "[{\"text\":\"a\"},#is not valid JSON",
                "[{\"text\":\"a\"}] 5#the array is not all of the file",
                "[{\"text\":\"a\"} {\"text\":\"b\"}]#is not valid JSON",
                "[#is not valid JSON",
            })
    void damagedArraysAreRefusedWithoutTheParsersWords(String file, String reason) throws IOException {
        assertThat(invalid(file).reasons())
                .singleElement()
                .asString()
                .startsWith("line 1: ")
                .contains(reason)
                .doesNotContain("Source", "Jackson", "token");
    }

    /** Chats have dozens of values each, so a hundred thousand of them have more than any request. */
    @Test
    void anArrayMayHaveMoreValuesThanARequest() throws IOException {
        int many = 1_100_000;
        InvalidDataset invalid = invalid("[" + "5,".repeat(many) + GOOD + "]");
        assertThat(invalid.count()).isEqualTo(many);
        assertThat(invalid.summary().examples()).isEqualTo(1);
    }

    @Test
    void anElementMayBeAboutAsLongAsALine() throws IOException {
        String huge = "[{\"text\":\"" + "x".repeat(LineReader.MAX_LINE_BYTES + 20_000) + "\"}]";
        assertThat(invalid(huge).reasons())
                .containsExactly("line 1: begins an example of more than " + LineReader.MAX_LINE_BYTES + " bytes");
    }

    @ParameterizedTest
    @ValueSource(strings = {",", ";", "\t"})
    void csvHasTheKeysInItsHeader(String separator) throws IOException {
        String file = String.join(
                "\n", "question,answer,ability", "q,a,x", "\"q\",\"a\",", "", "\"two\nlines\",\"say \"\"a\"\"\",y");
        Dataset.Supervised dataset = supervised("\uFEFF" + file.replace(",", separator) + "\n");
        assertThat(dataset.summary().formats()).isEqualTo(Map.of("question_answer", 3));
        assertThat(dataset.summary().abilities()).isEqualTo(Map.of("x", 1, "y", 1));
        assertThat(dataset.examples().get(1).sequence().tokens()).containsExactly(rendered("q", "a"));
        assertThat(dataset.examples().get(2).sequence().tokens()).containsExactly(rendered("two\nlines", "say \"a\""));
    }

    @Test
    void mistakesInCsvNameTheLine() throws IOException {
        InvalidDataset invalid = invalid("prompt,completion\na,b\nc,\nd,e\n");
        assertThat(invalid.reasons()).singleElement().asString().startsWith("line 3: has the keys prompt, expected");
        assertThat(invalid("prompt,completion\na,b,c\n").reasons())
                .singleElement()
                .asString()
                .contains("is not valid CSV");
        byte[] latin1 = "prompt,completion\nä,b\n".getBytes(StandardCharsets.ISO_8859_1);
        DatasetReader.Result result =
                new DatasetReader(model, 100, TextRules.DEFAULT, Set.of()).read(new ByteArrayInputStream(latin1));
        assertThat(((InvalidDataset) result).reasons())
                .singleElement()
                .asString()
                .contains("is not valid UTF-8");
    }

    @Test
    void otherTextsAreRefusedWithTheFormats() throws IOException {
        assertThat(invalid("colour,size\nred,5\n").reasons().get(0))
                .startsWith("line 1: is not valid JSON; a line holds one whole JSON object");
        assertThat(invalid("{\"foo\":1}").reasons().get(0))
                .startsWith("line 1: has the keys foo, expected those of one format: messages; ")
                .contains("instruction + output", "conversations", "chosen + rejected", "docs/training-data.md");
    }

    @Test
    void everyFormatIsDocumented() throws IOException {
        String document = Files.readString(Path.of("../docs/training-data.md"));
        assertThat(Arrays.stream(LineFormat.values()).map(LineFormat::label))
                .allSatisfy(label -> assertThat(document).contains("`" + label + "`"));
    }
}
