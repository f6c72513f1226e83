package io.tandem.server.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.tandem.kernels.source.ModelSource;
import io.tandem.kernels.testing.GgufModel;
import io.tandem.kernels.testing.GgufWriter;
import io.tandem.kernels.testing.Seeded;
import io.tandem.kernels.testing.TinyModel;
import io.tandem.kernels.weights.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tokenizer and the chat template of a GGUF file. */
class GgufTokenizerTest {
    private static final int TEXTS = 200;
    private static final String[] PIECES = {
        "the", " cat", "Once upon", " ", "  ", "\n", "12", "345", "it's", "é", "☃", "😀", ".", "?!", "ABC", "aB", "\t"
    };

    @TempDir
    private Path directory;

    @RegisterExtension
    private final Seeded seeded = new Seeded();

    private static GgufWriter model() {
        TinyModel tiny = TinyModel.of(TinyModel.Variant.LLAMA, 1);
        return new GgufModel("llama", tiny.config())
                .weights(tiny, GgufModel.Plain.F16)
                .file();
    }

    private JsonTokenizer load(GgufWriter file) throws IOException {
        Path path = directory.resolve("model.gguf");
        file.write(path);
        return JsonTokenizer.load(ModelSource.open(path));
    }

    private static String text(Random random) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(12); i >= 0; i--) {
            text.append(PIECES[random.nextInt(PIECES.length)]);
        }
        return text.toString();
    }

    private static String decoded(Tokenizer tokenizer, int[] tokens) {
        Tokenizer.Detokenizer detokenizer = tokenizer.detokenizer(true);
        StringBuilder text = new StringBuilder();
        Arrays.stream(tokens).forEach(token -> text.append(detokenizer.accept(token)));
        return text.append(detokenizer.finish()).toString();
    }

    /** The sample model's tokenizer, as llama.cpp's converter would write it. */
    private static GgufWriter samples() throws IOException {
        JsonNode json = JsonFile.MAPPER.readTree(Files.readAllBytes(Path.of("../config/models/sample/tokenizer.json")));
        String[] tokens = new String[json.path("model").path("vocab").size()];
        json.path("model")
                .path("vocab")
                .properties()
                .forEach(token -> tokens[token.getValue().intValue()] = token.getKey());
        Integer[] types = new Integer[tokens.length];
        Arrays.fill(types, 1);
        json.path("added_tokens").forEach(token -> types[token.path("id").intValue()] = 3);
        List<String> merges = new ArrayList<>();
        json.path("model")
                .path("merges")
                .forEach(merge ->
                        merges.add(merge.path(0).asText() + " " + merge.path(1).asText()));
        return model().put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", "smollm")
                .put("tokenizer.ggml.tokens", List.of(tokens))
                .put("tokenizer.ggml.token_type", List.of(types))
                .put("tokenizer.ggml.merges", merges)
                .put("tokenizer.ggml.eos_token_id", 0);
    }

    @Test
    void bytePairsAsTheTokenizerOfTheSameModel() throws IOException {
        JsonTokenizer expected = JsonTokenizer.load(ModelSource.open(Path.of("../config/models/sample")));
        JsonTokenizer tokenizer = load(samples());
        Random random = seeded.random();
        for (int i = 0; i < TEXTS; i++) {
            String text = text(random) + "<|endoftext|>" + text(random);
            assertThat(tokenizer.encode(text, true)).as(text).containsExactly(expected.encode(text, true));
            assertThat(tokenizer.encode(text, false)).as(text).containsExactly(expected.encode(text, false));
        }
        assertThat(tokenizer.begin(new int[] {5}))
                .as("nothing is put before a text")
                .containsExactly(5);
    }

    /** Words as the models' own expressions divide them: one token for each, if every word is one. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "llama-bpe | `It's|·in|·|1234|!` | `It|'s|·in|·|123|4|!`",
                "qwen2 | `It's|·12` | `It|'s|·|1|2`",
                "gpt-2 | `It's|·12` | `It|'s|·12`",
                "smollm | `It's|·12` | `It|'s|·|1|2`",
                "tekken | `aBc·12` | `a|Bc|·|1|2`",
                "gpt-4o | `aBc's·1234` | `a|Bc's|·|123|4`",
                "dbrx | `aBc·1234` | `aBc|·|123|4`",
                "default | `It's·1234` | `It|'|s|·|123|4`",
            })
    void wordsOfKnownPreTokenizers(String name, String text, String words) throws IOException {
        String input = text.replace("|", "").replace('·', ' ');
        List<String> expected = Arrays.stream(words.split("\\|"))
                .map(word -> word.replace('·', ' '))
                .toList();
        List<String> tokens = new ArrayList<>();
        List<String> merges = new ArrayList<>();
        input.chars().distinct().forEach(c -> tokens.add(spelled(String.valueOf((char) c))));
        // Every text of the input is a token, and made by the merge of its beginning with its last character.
        IntStream.rangeClosed(2, input.length())
                .forEach(length -> IntStream.rangeClosed(0, input.length() - length)
                        .mapToObj(at -> spelled(input.substring(at, at + length)))
                        .filter(token -> !tokens.contains(token))
                        .forEach(token -> {
                            tokens.add(token);
                            merges.add(token.substring(0, length - 1) + " " + token.substring(length - 1));
                        }));
        JsonTokenizer tokenizer = load(model().put("tokenizer.ggml.model", "gpt2")
                .put("tokenizer.ggml.pre", name)
                .put("tokenizer.ggml.tokens", tokens)
                .put("tokenizer.ggml.add_bos_token", false)
                .put("tokenizer.ggml.merges", merges));
        List<String> found = Arrays.stream(tokenizer.encode(input, true))
                .mapToObj(tokenizer::token)
                .toList();
        assertThat(String.join("", found)).isEqualTo(input);
        // Where single steps of merging do not reach the whole word, tokens are parts of words and never span them.
        int at = 0;
        List<Integer> ends = new ArrayList<>();
        for (String token : found) {
            at += token.length();
            ends.add(at);
        }
        at = 0;
        for (String word : expected) {
            at += word.length();
            assertThat(ends).as("%s in %s", word, found).contains(at);
        }
    }

    private static String spelled(String text) {
        return text.replace(' ', '\u0120');
    }

    /** SentencePiece by its definition: the neighbours that make the token with the highest score, leftmost first. */
    private static List<Integer> byScores(String text, List<String> tokens, List<Float> scores) {
        List<String> parts = new ArrayList<>();
        text.codePoints().forEach(c -> parts.add(Character.toString(c)));
        while (true) {
            int best = -1;
            for (int i = 0; i + 1 < parts.size(); i++) {
                int id = tokens.indexOf(parts.get(i) + parts.get(i + 1));
                if (id >= 0
                        && (best < 0
                                || scores.get(id)
                                        > scores.get(tokens.indexOf(parts.get(best) + parts.get(best + 1))))) {
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            parts.set(best, parts.get(best) + parts.remove(best + 1));
        }
        List<Integer> ids = new ArrayList<>();
        for (String part : parts) {
            if (tokens.contains(part)) {
                ids.add(tokens.indexOf(part));
                continue;
            }
            for (byte value : part.getBytes(StandardCharsets.UTF_8)) {
                ids.add(tokens.indexOf("<0x%02X>".formatted(value)));
            }
        }
        return ids;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void sentencePieceByItsScores(boolean prefix) throws IOException {
        Random random = seeded.random();
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
        for (int value = 0; value < 256; value++) {
            tokens.add("<0x%02X>".formatted(value));
            types.add(6);
        }
        for (String letter : List.of("\u2581", "a", "b", "c", "é")) {
            tokens.add(letter);
            types.add(1);
        }
        List<String> known = new ArrayList<>(tokens.subList(259, tokens.size()));
        while (known.size() < 60) {
            String pair = known.get(random.nextInt(known.size())) + known.get(random.nextInt(known.size()));
            if (!known.contains(pair) && pair.length() <= 6) {
                known.add(pair);
                tokens.add(pair);
                types.add(1);
            }
        }
        List<Float> scores =
                IntStream.range(0, tokens.size()).mapToObj(id -> (float) -id).toList();
        JsonTokenizer tokenizer = load(model().put("tokenizer.ggml.model", "llama")
                .put("tokenizer.ggml.tokens", tokens)
                .put("tokenizer.ggml.token_type", types)
                .put("tokenizer.ggml.scores", scores)
                .put("tokenizer.ggml.bos_token_id", 1)
                .put("tokenizer.ggml.eos_token_id", 2)
                .put("tokenizer.ggml.add_space_prefix", prefix));
        for (int i = 0; i < TEXTS; i++) {
            StringBuilder text = new StringBuilder("a");
            for (int j = random.nextInt(20); j > 0; j--) {
                text.append("abcé \n☃".charAt(random.nextInt(7)));
            }
            String spelled = (prefix ? "\u2581" : "") + text.toString().replace(' ', '\u2581');
            int[] found = tokenizer.encode(text.toString(), true);
            assertThat(Arrays.stream(found).boxed().toList())
                    .as(text.toString())
                    .isEqualTo(byScores(spelled, tokens, scores));
            assertThat(decoded(tokenizer, found)).isEqualTo((prefix ? " " : "") + text);
        }
        assertThat(tokenizer.begin(new int[] {5})).containsExactly(1, 5);
        assertThat(tokenizer.encode("a</s>", true)).endsWith(2);
    }

    @Test
    void chatsAndTheirEnds() throws IOException {
        TinyModel tiny = TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 1);
        tiny.write(directory);
        Path path = directory.resolve("model.gguf");
        GgufWriter file = new GgufModel("llama", tiny.config())
                .weights(tiny, GgufModel.Plain.F32)
                .file();
        file.write(path);
        ServedModel expected = ModelText.load(ModelSource.open(directory), "tiny", tiny.config(), 256);
        ServedModel model = ModelText.load(ModelSource.open(path), "tiny", tiny.config(), 256);
        assertThat(model.stopTokens()).containsExactlyElementsOf(expected.stopTokens());
        assertThat(model.template().source()).isEqualTo(expected.template().source());
        Path copy = Files.copy(path, directory.resolve("copy.gguf"));
        assertThat(ModelIdentity.of(ModelSource.open(copy))).isEqualTo(model.identity());
        file.put("tokenizer.chat_template", "{{ messages[0].content }}").write(copy);
        assertThat(ModelIdentity.of(ModelSource.open(copy))).isNotEqualTo(model.identity());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tokenizer.ggml.model | bert | tokenizer.ggml.model is bert, expected llama or gpt2",
                "tokenizer.ggml.pre | falcon | tokenizer.ggml.pre is falcon, expected one of dbrx, deepseek-r1-qwen",
                "tokenizer.ggml.tokens | a | tokenizer.ggml.tokens is a, expected a list of strings",
                "tokenizer.ggml.merges | a | tokenizer.ggml.merges is a, expected a list",
                "tokenizer.ggml.add_bos_token | a | expected true or false",
                "tokenizer.ggml.model | llama | tokenizer.ggml.scores is absent, expected 1024 scores",
            })
    void whatIsNotSupportedIsRefusedByName(String key, String value, String message) throws IOException {
        GgufWriter file = samples().put(key, value);
        assertThatThrownBy(() -> load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(message);
    }

    @Test
    void listsThatDoNotFit() throws IOException {
        assertThatThrownBy(() -> load(samples().put("tokenizer.ggml.token_type", List.of(1, 1))))
                .hasMessageContaining("tokenizer.ggml.token_type is a list, expected 1024 types");
        assertThatThrownBy(() -> load(samples().put("tokenizer.ggml.merges", List.of("ab"))))
                .hasMessageContaining("two tokens with a space between them");
        assertThatThrownBy(() -> load(model().put("tokenizer.ggml.model", "gpt2")
                        .put("tokenizer.ggml.pre", "gpt-2")
                        .put("tokenizer.ggml.merges", List.of())
                        .put("tokenizer.ggml.tokens", List.of("a", "a"))))
                .hasMessageContaining("two of a");
    }
}
