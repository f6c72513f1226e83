package io.tandem.kernels.pretrain;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The stream of training documents: stories and chats, without end, decided by the seed alone. */
final class Corpus {
    static final String END_OF_TEXT = "<|endoftext|>";
    static final String END = "<|end|>";
    static final String USER = "<|user|>";
    static final String ASSISTANT = "<|assistant|>";
    static final String SYSTEM = "<|system|>";
    static final List<String> SPECIALS = List.of(END_OF_TEXT, END, USER, ASSISTANT, SYSTEM);

    private static final double STORIES = 0.2;
    /** They take most of the tokens, and a model that knows English needs to be reminded of them only. */
    private static final double BILINGUAL_STORIES = 0.03;

    private final StoryGenerator stories;
    private final List<Skill> skills;
    private final TalkSkill talk;
    private final double storyShare;
    private final boolean bilingual;

    /** Text in English. */
    Corpus(Words words) {
        this(words, STORIES, false);
    }

    /** Chats whose exchanges are as often in English as in the {@link SisterLanguage} or in both mixed, and few stories. */
    static Corpus bilingual(Words words) {
        return new Corpus(words, BILINGUAL_STORIES, true);
    }

    private Corpus(Words words, double storyShare, boolean bilingual) {
        this.storyShare = storyShare;
        this.bilingual = bilingual;
        stories = new StoryGenerator(words);
        talk = new TalkSkill(stories);
        LetterSkill letters = new LetterSkill(words);
        skills = List.of(
                new ArithmeticSkill(),
                new ArithmeticSkill(),
                WordSkill.opposites(words),
                WordSkill.plurals(words),
                WordSkill.colours(words),
                letters,
                letters,
                letters,
                letters,
                new NotesSkill(words));
    }

    /** One document that training may see, the end mark included. A story is five times as long as a chat. */
    String document(Draw draw) {
        return (draw.chance(storyShare) ? stories.story(draw) : chat(draw)) + END_OF_TEXT;
    }

    /** A story that training sees only by chance, for the held-out loss: draw it from another seed. */
    String story(Draw draw) {
        return stories.story(draw) + END_OF_TEXT;
    }

    /** Different held-out questions, the same number of each skill that has right answers. */
    Map<String, List<Question>> heldOut(int perSkill, Draw draw) {
        Map<String, List<Question>> questions = new TreeMap<>();
        for (int tries = 0; tries < 4_000 * perSkill; tries++) {
            Question question = draw.pick(skills).ask(draw);
            List<Question> asked = questions.computeIfAbsent(question.skill(), skill -> new ArrayList<>());
            if (question.heldOut() && asked.size() < perSkill && !asked.contains(question)) {
                asked.add(question);
            }
        }
        return questions;
    }

    static String prompt(String user) {
        return USER + user + END + ASSISTANT;
    }

    private String chat(Draw draw) {
        StringBuilder text = new StringBuilder();
        if (draw.chance(0.1)) {
            text.append(SYSTEM)
                    .append(draw.pick("You are a helpful assistant.", "Answer briefly.", "You are a friendly teacher."))
                    .append(END);
        }
        int turns = draw.pick(List.of(1, 1, 1, 2, 2, 3));
        for (int turn = 0; turn < turns; turn++) {
            Question question = bilingual ? translated(question(draw), draw) : question(draw);
            text.append(prompt(question.prompt())).append(question.answer()).append(END);
        }
        return text.toString();
    }

    private static Question translated(Question english, Draw draw) {
        return switch (draw.between(0, 2)) {
            case 0 -> english;
            case 1 -> SisterLanguage.of(english);
            default -> SisterLanguage.mixed(english, draw);
        };
    }

    /** One exchange that training may see. */
    Question question(Draw draw) {
        return draw.chance(0.06) ? talk.ask(draw) : trainable(draw);
    }

    private Question trainable(Draw draw) {
        while (true) {
            Question question = draw.pick(skills).ask(draw);
            if (!question.heldOut()) {
                return question;
            }
        }
    }
}
