package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Looks a word up: opposites, plurals, colours. The word stands as {@code %s} (with its article: {@code %a}). */
final class WordSkill implements Skill {
    private final String name;
    private final List<Map.Entry<String, String>> answers;
    private final String[] phrasings;
    private final boolean heldOutByWord;

    private WordSkill(String name, Map<String, String> answers, boolean heldOutByWord, String... phrasings) {
        this.name = name;
        this.answers = new ArrayList<>(answers.entrySet());
        this.heldOutByWord = heldOutByWord;
        this.phrasings = phrasings;
    }

    /** Facts cannot be guessed, so here combinations of phrasing and word are held out. */
    static WordSkill opposites(Words words) {
        return new WordSkill(
                "opposites",
                words.opposites(),
                false,
                "What is the opposite of %s?",
                "What is the opposite of '%s'?",
                "Tell me the opposite of %s.",
                "Opposite of %s?",
                "Which word is the opposite of %s?",
                "Please give me the opposite of the word %s.",
                "I say %s. What is the opposite?",
                "Name the opposite of %s.");
    }

    static WordSkill plurals(Words words) {
        return new WordSkill(
                "plurals",
                words.plurals(),
                true,
                "What is the plural of %s?",
                "What is the plural of '%s'?",
                "Plural of %s?",
                "Tell me the plural of %s.",
                "One %s, two what?",
                "Write the plural of %s.",
                "What do you call more than one %s?");
    }

    static WordSkill colours(Words words) {
        return new WordSkill(
                "colours",
                words.colours(),
                false,
                "What colour is %a?",
                "Which colour does %a have?",
                "Tell me the colour of %a.",
                "What is the colour of %a?",
                "Colour of %a?",
                "What colour does %a usually have?",
                "Name the colour of %a.",
                "Please tell me what colour %a is.");
    }

    @Override
    public Question ask(Draw draw) {
        Map.Entry<String, String> entry = draw.pick(answers);
        String word = entry.getKey();
        String prompt = draw.pick(phrasings).replace("%s", word).replace("%a", withArticle(word));
        return new Question(name, heldOutByWord ? word : prompt, prompt, entry.getValue());
    }

    static String withArticle(String word) {
        if (word.startsWith("~")) {
            return word.substring(1);
        }
        return word.startsWith("the ") ? word : Inflection.withArticle(word);
    }
}
