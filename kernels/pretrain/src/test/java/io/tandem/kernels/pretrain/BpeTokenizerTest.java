package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BpeTokenizerTest {
    private static final int VOCABULARY = 600;
    private static final BpeTokenizer TOKENIZER = trained();

    private static BpeTokenizer trained() {
        Corpus corpus = new Corpus(Words.load());
        BpeTrainer trainer = new BpeTrainer();
        Draw draw = new Draw(1);
        for (int i = 0; i < 1_000; i++) {
            trainer.read(corpus.document(draw));
        }
        return trainer.train(VOCABULARY);
    }

    @Property(tries = 300)
    void everyStringSurvives(@ForAll String text) {
        String representable = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
        assertThat(TOKENIZER.decode(TOKENIZER.encode(representable))).isEqualTo(representable);
    }

    @Test
    void digitsStayAlone() {
        assertThat(TOKENIZER.encode("1234")).hasSize(4);
    }

    @Test
    void readsWhatItWrote() {
        BpeTokenizer read = TokenizerJson.read(TokenizerJson.write(TOKENIZER));
        String text = "Once upon a time, <|user|>What is 12 + 30?<|end|>";
        assertThat(read.encode(text)).isEqualTo(TOKENIZER.encode(text));
        assertThat(read.size()).isEqualTo(VOCABULARY);
    }

    @Test
    void huggingFaceMakesTheSameTokens(@TempDir Path directory) throws IOException {
        JsonNode json = TokenizerJson.write(TOKENIZER);
        Path file = Files.writeString(directory.resolve("tokenizer.json"), json.toString());
        List<String> texts = new ArrayList<>(List.of(
                "",
                " two  spaces ",
                "It's 12:30, isn't it?\n\n  Yes\t!",
                "caf\u00e9 na\u00efve \u4f60\u597d \ud83d\ude00 \u00bd x\u00b2",
                "<|user|>Hi<|end|><|assistant|> {\"a\": [1, 2]}<|end|><|endoftext|>"));
        Corpus corpus = new Corpus(Words.load());
        Draw draw = new Draw(2);
        for (int i = 0; i < 200; i++) {
            texts.add(corpus.document(draw));
        }
        try (HuggingFaceTokenizer reference = HuggingFaceTokenizer.newInstance(file)) {
            for (String text : texts) {
                long[] expected = reference.encode(text, false, false).getIds();
                int[] ids = TOKENIZER.encode(text);
                assertThat(Arrays.stream(ids).asLongStream().toArray()).as(text).isEqualTo(expected);
                assertThat(reference.decode(expected, false)).isEqualTo(text);
            }
        }
    }
}
