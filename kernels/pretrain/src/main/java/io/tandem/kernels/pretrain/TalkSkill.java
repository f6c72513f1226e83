package io.tandem.kernels.pretrain;

/** Greetings, thanks, what the model is, and short stories on request. */
final class TalkSkill implements Skill {
    static final String NAME = "talk";
    private static final String[][] TALK = {
        {"Hello!", "Hello! How can I help you?"},
        {"Hi.", "Hello! How can I help you?"},
        {"Good morning!", "Good morning! What can I do for you?"},
        {"How are you?", "I am fine, thank you."},
        {"Thank you!", "You are welcome!"},
        {"Thanks.", "You are welcome!"},
        {"Goodbye!", "Goodbye! Have a nice day."},
        {"Who are you?", "I am a small language model, trained by Tandem."},
        {"What is your name?", "I am the sample model of Tandem."},
        {"What can you do?", "I can tell stories, calculate, spell words, and name opposites, plurals and colours."},
    };
    private final StoryGenerator stories;

    TalkSkill(StoryGenerator stories) {
        this.stories = stories;
    }

    @Override
    public Question ask(Draw draw) {
        if (draw.chance(0.3)) {
            String[] pair = TALK[draw.between(0, TALK.length - 1)];
            return new Question(NAME, pair[1], pair[0], pair[1]);
        }
        String kind = stories.animal(draw);
        String about = Inflection.withArticle(kind);
        String prompt =
                draw.pick("Tell me a story about %a.", "Write a short story about %a.", "A story about %a, please.");
        return new Question(NAME, kind, prompt.replace("%a", about), stories.storyAbout(kind, draw));
    }
}
