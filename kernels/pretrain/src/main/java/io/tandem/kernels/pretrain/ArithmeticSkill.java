package io.tandem.kernels.pretrain;

/** Sums and differences up to 20 and small products. */
final class ArithmeticSkill implements Skill {
    static final String NAME = "arithmetic";

    @Override
    public Question ask(Draw draw) {
        int kind = draw.between(0, 9);
        if (kind < 5) {
            int a = draw.between(0, 20);
            int b = draw.between(0, 20);
            return question(draw, a, "plus", "+", b, a + b);
        }
        if (kind < 9) {
            int a = draw.between(0, 30);
            int b = draw.between(0, Math.min(a, 20));
            return question(draw, a, "minus", "-", b, a - b);
        }
        int a = draw.between(0, 10);
        int b = draw.between(0, 5);
        return question(draw, a, "times", "*", b, a * b);
    }

    private static Question question(Draw draw, int a, String word, String sign, int b, int result) {
        String spoken = a + " " + word + " " + b;
        String written = a + " " + sign + " " + b;
        String prompt = switch (draw.between(0, 5)) {
            case 0 -> "What is " + spoken + "?";
            case 1 -> "How much is " + spoken + "?";
            case 2 -> "What is " + written + "?";
            case 3 -> "Calculate " + written + ".";
            case 4 -> written + " =";
            default -> "Please tell me: what is " + spoken + "?";
        };
        return new Question(NAME, written, prompt, Integer.toString(result));
    }
}
