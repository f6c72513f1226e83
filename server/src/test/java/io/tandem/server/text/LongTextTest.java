package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.weights.ModelFormatException;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What would end the process if the native tokenizer saw it. A failure here is a test process that crashed. */
class LongTextTest {
    private static final Path SAMPLE = Path.of("..", "config", "models", "sample", "tokenizer.json");
    private static final String LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String[] WORDS = {
        "Once", "upon", "a", "time", "don't", "1,024", "3.14", "été", "漢字，汉字。", "😀", "x", "foo(bar)", "…", "the"
    };
    private static final String[] SPACES = {" ", " ", " ", " ", "\n", "\n\n", "  ", ", ", ". ", ".\n", "\t"};

    @RegisterExtension
    final Seeded seeded = new Seeded();

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"sample", "llama3"})
    void tokenizesPiecesLikeTheWhole(String kind) throws IOException {
        ObjectNode json = sample();
        if (kind.equals("llama3")) {
            split(json, LLAMA3);
        }
        JsonTokenizer tokenizer = tokenizer(json);
        Random random = seeded.random();
        for (int round = 0; round < 2; round++) {
            StringBuilder text = new StringBuilder();
            while (text.length() < 70_000) {
                text.append(WORDS[random.nextInt(WORDS.length)]).append(SPACES[random.nextInt(SPACES.length)]);
            }
            TextPieces small = new TextPieces(
                    512, tokenizer.table().texts(), tokenizer.table().added());
            List<Integer> tokens = small.of(text.toString()).stream()
                    .flatMapToInt(piece -> Arrays.stream(tokenizer.encode(piece, true)))
                    .boxed()
                    .toList();
            assertThat(tokens)
                    .isEqualTo(Arrays.stream(tokenizer.encode(text.toString(), true))
                            .boxed()
                            .toList());
        }
    }

    @Test
    void givesTheNativeLibraryShortPiecesOnly() throws IOException {
        JsonTokenizer tokenizer = tokenizer(sample());
        TextPieces pieces = new TextPieces(
                16_384, tokenizer.table().texts(), tokenizer.table().added());
        // As many spaces as Llama 3's expression would go back over before the library ends the process.
        String text = " ".repeat(10_600_000) + "x";
        assertThat(pieces.of(text)).allMatch(piece -> piece.length() <= 16_384);
        assertThat(String.join("", pieces.of(text)).equals(text)).isTrue();
    }

    @Test
    void neverCutsASpecialToken() throws IOException {
        JsonTokenizer tokenizer = tokenizer(sample());
        String text = "x".repeat(16_384 - 5) + "<|endoftext|>" + "y".repeat(16_384);
        assertThat(tokenizer.encode(text, true)).contains(0);
        assertThat(tokenizer.encode(text, false)).doesNotContain(0);
        assertThat(tokenizer.encode("😀".repeat(20_000), true).length % 20_000).isZero();
    }

    @ParameterizedTest
    @CsvSource({"' ',1000000,x", "a,200000,''", "1,100000,''", "'\n',200000,x", "'\t ',100000,''"})
    void survivesLongRunsUnderLlama3sExpression(String part, int times, String end) throws IOException {
        ObjectNode json = sample();
        split(json, LLAMA3);
        JsonTokenizer tokenizer = tokenizer(json);
        String text = part.repeat(times) + end;
        StringBuilder back = new StringBuilder();
        Tokenizer.Detokenizer detokenizer = tokenizer.detokenizer(true);
        for (int token : tokenizer.encode(text, true)) {
            back.append(detokenizer.accept(token));
        }
        assertThat(back.append(detokenizer.finish()).toString().equals(text)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"^(a|a|aa)+$b", "(a*)*b", "("})
    void refusesAnExpressionWithoutEnd(String regex) throws IOException {
        ObjectNode split = sample();
        split(split, regex);
        assertThatThrownBy(() -> tokenizer(split))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("regular expression " + regex);
        ObjectNode replace = sample();
        replace.putObject("normalizer")
                .put("type", "Replace")
                .put("content", "x")
                .putObject("pattern")
                .put("Regex", regex);
        assertThatThrownBy(() -> tokenizer(replace)).isInstanceOf(ModelFormatException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"$x\"}",
                "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\"},\"content\":\"$x\"}",
                "{\"type\":\"Prepend\",\"prepend\":\"$x\"}",
                "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}",
                "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":"
                        + "\"aaaaaaaaaa\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaa\"}]}",
            })
    void refusesANormalizerThatGrowsTexts(String normalizer) throws IOException {
        ObjectNode json = sample();
        json.set("normalizer", JsonBody.MAPPER.readTree(normalizer.replace("$x", "x".repeat(1000))));
        assertThatThrownBy(() -> tokenizer(json))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("normalizer");
    }

    @Test
    void refusesAPrefixThatMergesDoNotHave() throws IOException {
        ObjectNode json = sample();
        ((ObjectNode) json.path("model")).put("continuing_subword_prefix", "########################");
        assertThatThrownBy(() -> tokenizer(json)).isInstanceOf(ModelFormatException.class);
    }

    @Test
    void saysHowLongATextMayBeForItsTokens() throws IOException {
        JsonTokenizer tokenizer = tokenizer(sample());
        String text = "Once upon a time ".repeat(100);
        assertThat(tokenizer.maxBytes(tokenizer.encode(text, true).length))
                .isGreaterThanOrEqualTo(text.getBytes(StandardCharsets.UTF_8).length);
        assertThat(tokenizer.maxBytes(1)).isLessThan(100);
    }

    private static ObjectNode sample() throws IOException {
        return (ObjectNode) JsonBody.MAPPER.readTree(Files.readString(SAMPLE));
    }

    private static void split(ObjectNode json, String regex) {
        ObjectNode sequence = json.putObject("pre_tokenizer").put("type", "Sequence");
        var parts = sequence.putArray("pretokenizers");
        ObjectNode split = parts.addObject()
                .put("type", "Split")
                .put("behavior", "Isolated")
                .put("invert", false);
        split.putObject("pattern").put("Regex", regex);
        parts.addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", false);
    }

    private JsonTokenizer tokenizer(JsonNode json) throws IOException {
        Files.write(directory.resolve("tokenizer.json"), JsonBody.MAPPER.writeValueAsBytes(json));
        return JsonTokenizer.load(ModelSource.open(directory));
    }
}
