package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTokenizerTest {
    private static final String[] ALPHABET = {
        "a", " ", "\n", "é", "漢", "字", "😀", "👩‍👩‍👧", "\u0000", "<|im_end|>", "\uFFFD"
    };

    private static final String POST_PROCESSOR = """
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<|endoftext|>":
                 {"id": "<|endoftext|>", "ids": [%d], "tokens": ["<|endoftext|>"]}}}
            """;

    @TempDir
    Path directory;

    @BeforeEach
    void write() throws IOException {
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1).write(directory);
    }

    @Test
    void parsesSpecialTokensOnlyIfAsked() {
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(tokenizer.encode("a<|im_end|>b", true)).containsExactly('a', ByteTokenizer.END_OF_MESSAGE, 'b');
        int[] plain = tokenizer.encode("a<|im_end|>b", false);
        assertThat(plain).hasSize(12);
        assertThat(decoded(tokenizer, plain)).isEqualTo("a<|im_end|>b");
    }

    @Test
    void aTextBeginsWithWhatThePostProcessorPutsThere() throws IOException {
        JsonTokenizer without = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(without.begin(without.encode("a", true))).containsExactly('a');
        Path file = directory.resolve("tokenizer.json");
        ObjectNode json = JsonFile.object(file, Files.readAllBytes(file));
        json.set("post_processor", JsonFile.MAPPER.readTree(POST_PROCESSOR.formatted(ByteTokenizer.END_OF_TEXT)));
        Files.writeString(file, json.toString());
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(tokenizer.encode("a", true)).containsExactly('a');
        assertThat(tokenizer.begin(tokenizer.encode("a", true))).containsExactly(ByteTokenizer.END_OF_TEXT, 'a');
        assertThat(tokenizer.begin(tokenizer.encode("<|endoftext|>a", true)))
                .as("it is there already")
                .containsExactly(ByteTokenizer.END_OF_TEXT, 'a');
        assertThat(tokenizer.begin(new int[0])).containsExactly(ByteTokenizer.END_OF_TEXT);
    }

    @Test
    void asksForNoSpecialTokensEvenIfMergesAreIgnored() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        String json = Files.readString(file);
        Files.writeString(file, json.replaceFirst("\"byte_fallback\"", "\"ignore_merges\": true, \"byte_fallback\""));
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(tokenizer.encode("<|im_end|>", false)).hasSize(10);
        assertThat(tokenizer.encode("<|im_end|>", true)).containsExactly(ByteTokenizer.END_OF_MESSAGE);
    }

    @Test
    void returnsRandomTextsUnchangedAndNeverHalfACharacter() {
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        Random random = new Random(7);
        for (int round = 0; round < 300; round++) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(40); i > 0; i--) {
                text.append(ALPHABET[random.nextInt(ALPHABET.length)]);
            }
            int[] tokens = tokenizer.encode(text.toString(), false);
            assertThat(tokens).hasSize(text.toString().getBytes(StandardCharsets.UTF_8).length);
            Tokenizer.Detokenizer detokenizer = tokenizer.detokenizer(true);
            StringBuilder back = new StringBuilder();
            for (int token : tokens) {
                back.append(detokenizer.accept(token));
                assertThat(text.toString()).startsWith(back.toString());
            }
            assertThat(back.append(detokenizer.finish())).hasToString(text.toString());
        }
    }

    @Test
    void replacesBytesThatAreNoText() {
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(decoded(tokenizer, new int[] {'a', 0xFF, 'b', 0xF0, 0x9F})).isEqualTo("a\uFFFDb\uFFFD");
        assertThat(tokenizer.token(0xC3)).isEqualTo("\uFFFD");
        assertThat(tokenizer.bytes(0xC3)).containsExactly(0xC3);
    }

    @Test
    void skipsSpecialAndUnknownTokens() {
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        int[] tokens = {'a', ByteTokenizer.END_OF_MESSAGE, 100_000, -1, 'b'};
        assertThat(decoded(tokenizer, tokens)).isEqualTo("ab");
        assertThat(tokenizer.token(ByteTokenizer.END_OF_MESSAGE)).isEqualTo("<|im_end|>");
    }

    @Test
    void neitherTruncatesNorPads() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        String cutting = "{\"direction\":\"Right\",\"max_length\":4,\"strategy\":\"LongestFirst\",\"stride\":0}";
        Files.writeString(
                file, Files.readString(file).replaceFirst("\"truncation\" : null", "\"truncation\":" + cutting));
        assertThat(Files.readString(file)).contains("LongestFirst");
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(tokenizer.encode("x".repeat(100_000), true)).hasSize(100_000);
        assertThat(tokenizer.encode("", true)).isEmpty();
        assertThat(tokenizer.encode("x", true)).hasSize(1);
    }

    @Test
    void writesTheSpaceOfABeginningOnlyAtABeginning() throws IOException {
        SentencePieceFiles.write(directory);
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(spelled(tokenizer, tokenizer.encode("b", true))).containsExactly(" ", "b");
        assertThat(spelled(tokenizer, tokenizer.encodeBehind("", "b"))).containsExactly(" ", "b");
        assertThat(spelled(tokenizer, tokenizer.encodeBehind("c:", "b"))).containsExactly("b");
        assertThat(spelled(tokenizer, tokenizer.encodeBehind("c:", " a"))).containsExactly(" a");
        // In one text a token would reach across the border: behind a prompt that ends with a space is no other.
        assertThat(spelled(tokenizer, tokenizer.encodeBehind("c: ", "a"))).containsExactly("a");
    }

    private static List<String> spelled(JsonTokenizer tokenizer, int[] tokens) {
        return Arrays.stream(tokens).mapToObj(tokenizer::token).toList();
    }

    @Test
    void replacesHalfASurrogatePair() {
        JsonTokenizer tokenizer = JsonTokenizer.load(ModelSource.open(directory));
        assertThat(decoded(tokenizer, tokenizer.encode("a\uD83Db", true))).isEqualTo("a\uFFFDb");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{",
                "{}",
                "{\"model\":{\"type\":\"Unigram\"}}",
                "{\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}",
                "{\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1e9},\"merges\":[]}}",
                "{\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"x y\"]}}",
                "{\"decoder\":{\"type\":\"WordPiece\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"
            })
    void refusesDamagedFiles(String json) throws IOException {
        Files.writeString(directory.resolve("tokenizer.json"), json);
        assertThatThrownBy(() -> JsonTokenizer.load(ModelSource.open(directory)))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("tokenizer.json: ");
    }

    @Test
    void refusesTruncatedHugeAndMissingFiles() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(() -> JsonTokenizer.load(ModelSource.open(directory)))
                .isInstanceOf(ModelFormatException.class);
        try (var channel = java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
            channel.write(java.nio.ByteBuffer.wrap(new byte[1]), 100L << 20);
        }
        assertThatThrownBy(() -> JsonTokenizer.load(ModelSource.open(directory)))
                .hasMessageContaining("larger than");
        Files.delete(file);
        assertThatThrownBy(() -> JsonTokenizer.load(ModelSource.open(directory)))
                .hasMessageContaining("no such file");
    }

    private static String decoded(Tokenizer tokenizer, int[] tokens) {
        Tokenizer.Detokenizer detokenizer = tokenizer.detokenizer(true);
        StringBuilder text = new StringBuilder();
        for (int token : tokens) {
            text.append(detokenizer.accept(token));
        }
        return text.append(detokenizer.finish()).toString();
    }
}
