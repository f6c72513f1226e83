package io.tandem.kernels.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CorpusTest {
    private static final int DOCUMENTS = 5_000;
    private final Words words = Words.load();
    private final Corpus corpus = new Corpus(words);

    @Test
    void sameSeedMakesTheSameText() {
        assertThat(text(3, 200)).isEqualTo(text(3, 200)).isNotEqualTo(text(4, 200));
    }

    @Test
    void leftOutSkillsNeverAppear() {
        String text = text(1, DOCUMENTS).toLowerCase(Locale.ROOT);
        assertThat(text).doesNotContain("json", "pig latin", "reverse", "backward");
        assertThat(text)
                .doesNotContain("hide the vowels", "double each")
                .doesNotContainPattern("(plus|minus) \\d+ (plus|minus)");
        assertThat(text).doesNotContainPattern("\\{\\s*\"").doesNotContainPattern("\"\\s*:");
    }

    @Test
    void heldOutQuestionsNeverAppear() {
        String text = text(1, DOCUMENTS);
        List<Question> heldOut = corpus.heldOut(50, new Draw(9)).values().stream()
                .flatMap(List::stream)
                .toList();
        assertThat(heldOut).hasSizeGreaterThan(200).allMatch(Question::heldOut);
        assertThat(heldOut).noneMatch(question -> text.contains(Corpus.prompt(question.prompt())));
    }

    @Test
    void aBilingualCorpusHasBothLanguagesAndNoSkillThatIsLeftOut() {
        Draw draw = new Draw(1);
        Corpus bilingual = Corpus.bilingual(words);
        String text = IntStream.range(0, DOCUMENTS)
                .mapToObj(i -> bilingual.document(draw))
                .collect(Collectors.joining());
        assertThat(text).contains("What is the opposite of", SisterLanguage.of("What is the opposite of"));
        assertThat(text.toLowerCase(Locale.ROOT)).doesNotContain("json", "pig latin", SisterLanguage.of("backwards"));
        assertThat(bilingual.heldOut(20, new Draw(9)).values().stream().flatMap(List::stream))
                .noneMatch(question -> text.contains(Corpus.prompt(question.prompt())))
                .noneMatch(question -> text.contains(Corpus.prompt(SisterLanguage.of(question.prompt()))));
    }

    @Test
    void storiesHaveNoUnexpandedRules() {
        StoryGenerator stories = new StoryGenerator(words);
        Draw draw = new Draw(5);
        for (int i = 0; i < 2_000; i++) {
            assertThat(stories.story(draw))
                    .doesNotContainPattern("[<>\\[\\]{}|]")
                    .doesNotContain("  ", " a a", " a e", " a i", " a o", " an b", " an r")
                    .matches("(?s)[A-Z].*[.!?]\"?");
        }
    }

    @Test
    void thereAreManyWordsToSpell() {
        assertThat(words.spellable()).hasSizeGreaterThan(2_500).allMatch(word -> word.matches("[a-z]+"));
    }

    private String text(long seed, int documents) {
        Draw draw = new Draw(seed);
        return IntStream.range(0, documents)
                .mapToObj(i -> corpus.document(draw))
                .collect(Collectors.joining());
    }
}
