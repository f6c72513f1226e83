package io.tandem.server.text;

import static io.tandem.kernels.TrainingPack.IGNORED;
import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.TrainingPack.Sequence;
import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.api.ChatMessage;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainingExamplesTest {
    private static final String GOOD = "{\"prompt\":\"ab\",\"completion\":\"cd\"}";

    @TempDir
    Path directory;

    private ServedModel model;

    @BeforeEach
    void load() throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        tiny.write(directory);
        model = ModelText.load(directory, "tiny", tiny.config(), 512);
    }

    @Test
    void learnsTheCompletionAndTheFirstStopToken() throws IOException {
        Sequence sequence = parsed(GOOD).get(0);
        assertThat(sequence.tokens()).containsExactly('a', 'b', 'c', 'd', ByteTokenizer.END_OF_MESSAGE);
        assertThat(sequence.labels()).containsExactly(IGNORED, 'c', 'd', ByteTokenizer.END_OF_MESSAGE, IGNORED);
    }

    @Test
    void learnsOnlyAssistantMessagesAndTheEndOfTheirTurn() throws IOException {
        Sequence sequence = parsed("{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                        + "{\"role\":\"assistant\",\"content\":\"one 😀\"},{\"role\":\"user\",\"content\":\"r\"},"
                        + "{\"role\":\"assistant\",\"content\":\"two\",\"weight\":0},{\"role\":\"user\",\"content\":\"s\"},"
                        + "{\"role\":\"assistant\",\"content\":\"three\",\"weight\":1}]}")
                .get(0);
        List<ChatMessage> chat = List.of(
                new ChatMessage("user", "q"),
                new ChatMessage("assistant", "one 😀"),
                new ChatMessage("user", "r"),
                new ChatMessage("assistant", "two"),
                new ChatMessage("user", "s"),
                new ChatMessage("assistant", "three"));
        assertThat(sequence.tokens())
                .containsExactly(model.tokenizer().encode(model.template().render(chat, false), true));
        assertThat(learned(sequence)).isEqualTo("one 😀<|im_end|>three<|im_end|>");
        for (int t = 0; t < sequence.labels().length; t++) {
            assertThat(sequence.labels()[t])
                    .isIn(IGNORED, t + 1 < sequence.tokens().length ? sequence.tokens()[t + 1] : IGNORED);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '#',
            value = {
                "{#not valid JSON",
                "{} {}#not valid JSON",
                "[]#not a JSON object",
                "{\"a\":1,\"a\":2}#not valid JSON",
                "{}#prompt is missing",
                "{\"prompt\":\"\",\"completion\":\"x\"}#prompt is empty",
                "{\"prompt\":\"a\",\"completion\":3}#completion is missing or not a text",
                "{\"prompt\":\"a\",\"completion\":\"b\",\"extra\":1}#extra is not a known key",
                "{\"messages\":[]}#messages is not a list",
                "{\"messages\":[5]}#messages[0] is not an object",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}#has no assistant message",
                "{\"messages\":[{\"role\":\"robot\",\"content\":\"q\"}]}#messages[0].role is robot",
                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"weight\":1}]}#weight must be 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":2}]}#weight must be 0 or 1",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"weight\":0}]}#has nothing to learn",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\",\"name\":\"x\"}]}#messages[0].name is not a known",
                "{\"messages\":[{\"role\":\"assistant\",\"content\":\"q\"},{\"role\":\"user\",\"content\":\"q\"}]}#the last",
            })
    void refusesWithLineAndReason(String line, String reason) throws IOException {
        InvalidExamples invalid = invalid(GOOD + "\n" + line + "\n");
        assertThat(invalid.count()).isEqualTo(1);
        assertThat(invalid.reasons())
                .singleElement()
                .asString()
                .startsWith("line 2: ")
                .contains(reason);
    }

    @Test
    void countsAllMistakesButTellsTen() throws IOException {
        InvalidExamples invalid = invalid("nonsense\n".repeat(25));
        assertThat(invalid.count()).isEqualTo(25);
        assertThat(invalid.reasons()).hasSize(10);
    }

    @Test
    void refusesLongEmptyAndHuge() throws IOException {
        String fits = "{\"prompt\":\"a\",\"completion\":\"" + "x".repeat(98) + "\"}";
        assertThat(parsed(fits)).hasSize(1);
        assertThat(invalid(fits.replace("xx", "xxx")).reasons().get(0)).contains("more than 100 tokens");
        assertThat(invalid("").reasons()).containsExactly("the file has no examples");
        assertThat(invalid("\n" + GOOD).reasons().get(0)).contains("line 1").contains("empty");
        assertThat(invalid("x".repeat(9 << 20)).reasons().get(0)).contains("longer than");
        assertThat(invalid("[".repeat(100_000)).reasons().get(0)).contains("not valid JSON");
        assertThat(parsed(GOOD + "\r\n\r\n\n")).hasSize(1);
    }

    @Test
    void refusesTemplatesThatChangeThePast() throws IOException {
        Map<String, String> config =
                Map.of("chat_template", "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
        Files.write(directory.resolve("tokenizer_config.json"), JsonFile.MAPPER.writeValueAsBytes(config));
        model = ModelText.load(directory, "tiny", model.shape(), 512);
        assertThat(invalid(
                                "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]}")
                        .reasons()
                        .get(0))
                .contains("the chat template changes what comes before");
    }

    private String learned(Sequence sequence) {
        StringBuilder text = new StringBuilder();
        Utf8Stream stream = new Utf8Stream();
        Arrays.stream(sequence.labels())
                .filter(label -> label != IGNORED)
                .forEach(label -> text.append(stream.accept(model.tokenizer().bytes(label))));
        return text.append(stream.finish()).toString();
    }

    private List<Sequence> parsed(String file) throws IOException {
        return ((TrainingExamples.Parsed) parse(file)).sequences();
    }

    private InvalidExamples invalid(String file) throws IOException {
        return (InvalidExamples) parse(file);
    }

    private TrainingExamples.Result parse(String file) throws IOException {
        return new TrainingExamples(model, 100).parse(new StringReader(file));
    }
}
