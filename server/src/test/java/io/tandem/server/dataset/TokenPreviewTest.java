package io.tandem.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.ByteTokenizer;
import io.tandem.server.dataset.TokenPreview.Part;
import io.tandem.server.dataset.TokenPreview.Token;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class TokenPreviewTest extends SmallModelTest {
    private List<TokenPreview> preview(int examples, String file) throws IOException {
        return TokenPreview.first(examples, (Dataset) read(file), model.tokenizer());
    }

    @Test
    void showsTokensAsTheyAreAndWhatIsLearned() throws IOException {
        assertThat(preview(5, "{\"prompt\":\"a\\n\",\"completion\":\"\\u0000é\"}"))
                .containsExactly(new TokenPreview(
                        0,
                        Part.WHOLE,
                        Optional.empty(),
                        List.of(
                                new Token('a', "a", false),
                                new Token('\n', "\n", false),
                                new Token(0, "\0", true),
                                new Token(0xC3, "\\xC3", true),
                                new Token(0xA9, "\\xA9", true),
                                new Token(ByteTokenizer.END_OF_MESSAGE, "<|im_end|>", true))));
    }

    @Test
    void showsTheFirstExamplesOnly() throws IOException {
        String file = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n{\"text\":\"three\"}\n";
        assertThat(preview(2, file)).extracting(TokenPreview::example).containsExactly(0, 1);
        assertThat(preview(9, file)).hasSize(3);
        assertThat(preview(0, file)).isEmpty();
    }

    @Test
    void showsBothAnswersOfAPair() throws IOException {
        List<TokenPreview> previews = preview(1, PAIR);
        assertThat(previews).extracting(TokenPreview::part).containsExactly(Part.PREFERRED, Part.NON_PREFERRED);
        assertThat(previews).extracting(TokenPreviewTest::learned).containsExactly("yes<|im_end|>", "no<|im_end|>");
    }

    @Test
    void showsTheControlOfAnExample() throws IOException {
        String file = "{\"text\":\"one\",\"control\":\"curt\"}\n{\"text\":\"two\",\"control\":\"polite\"}";
        Dataset dataset = (Dataset) controlled(file, "polite", "curt");
        assertThat(TokenPreview.first(2, dataset, model.tokenizer()))
                .extracting(preview -> preview.control().orElseThrow())
                .containsExactly("curt", "polite");
    }

    private static String learned(TokenPreview preview) {
        return preview.tokens().stream().filter(Token::learned).map(Token::text).collect(Collectors.joining());
    }
}
