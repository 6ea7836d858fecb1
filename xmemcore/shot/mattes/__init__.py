"""The output: matte files, their queue, and the steps from prediction to file. Public: mattes, queue, composition, steps, matte_proof."""
